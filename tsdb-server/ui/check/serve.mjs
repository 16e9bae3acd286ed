// Serves build/ as the server does, its policy included, in front of another Prometheus-like API:
//   node check/serve.mjs API_URL [PORT] [--mock]
// With --mock, what that API does not have (traces, queries, a cluster) is made up, to look at.
import { createServer, request } from "node:http";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import * as mock from "./mock.mjs";

const [api, port = "0"] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const mocked = process.argv.includes("--mock");
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".md": "text/plain" };

const server = createServer((incoming, outgoing) => {
  const { pathname } = new URL(incoming.url, "http://localhost");
  if (mocked && pathname in mock.answers) {
    outgoing.writeHead(200, { "content-type": "application/json" });
    outgoing.end(JSON.stringify({ status: "success", data: mock.answers[pathname] }));
  } else if (pathname.startsWith("/api/")) {
    proxy(incoming, outgoing, mocked && pathname.startsWith("/api/v1/query"));
  } else {
    file(pathname === "/" ? "/index.html" : pathname, outgoing);
  }
});

function proxy(incoming, outgoing, traced) {
  const { host, ...headers } = incoming.headers;
  delete headers["accept-encoding"];
  const chunks = [];
  incoming.on("data", (chunk) => chunks.push(chunk));
  incoming.on("end", () => {
    const body = Buffer.concat(chunks);
    if (traced && body.includes("query=native")) {
      outgoing.writeHead(200, { "content-type": "application/json" });
      outgoing.end(JSON.stringify({ status: "success", data: mock.histogram, infos: ["PromQL info: metric might not be a counter"] }));
      return;
    }
    const answer = (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => {
        let text = Buffer.concat(parts).toString();
        if (traced && body.includes("trace=1") && response.statusCode === 200) {
          const envelope = JSON.parse(text);
          envelope.data.trace = mock.trace;
          envelope.warnings = ["a node did not answer: results may lack series"];
          text = JSON.stringify(envelope);
        }
        outgoing.writeHead(response.statusCode, { "content-type": response.headers["content-type"] ?? "text/plain" });
        outgoing.end(text);
      });
    };
    const onward = request(new URL(incoming.url, api), { method: incoming.method, headers }, answer);
    onward.on("error", (error) => outgoing.writeHead(502).end(String(error)));
    onward.end(body);
  });
}

async function file(path, outgoing) {
  try {
    const bytes = await readFile(new URL(`../build${path}`, import.meta.url));
    outgoing.writeHead(200, { "content-type": types[extname(path)] ?? "text/plain", "content-security-policy": "default-src 'self'" });
    outgoing.end(bytes);
  } catch {
    outgoing.writeHead(404).end("nothing is here\n");
  }
}

server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));

// Pictures of all views, wide and narrow, light and dark: node check/shots.mjs URL [FOLDER]
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";

const [url = "http://127.0.0.1:7201/", folder = "shots"] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const rate = encodeURIComponent('sum by (cpu, mode) (rate(node_cpu_seconds_total{mode!="idle"}[30s]))');
const views = {
  graph: `#/query?g0.expr=${rate}&from=now-15m&to=now`,
  stacked: `#/query?g0.expr=${rate}&g0.stacked=1&from=now-5m&to=now`,
  joined: `#/query?g0.expr=node_load1&g1.expr=node_load5&g2.expr=node_load15&joined=1&from=now-5m&to=now`,
  table: "#/query?g0.expr=up&g0.tab=table&g1.expr=scrape_duration_seconds%5B5s%5D&g1.tab=table",
  wrong: "#/query?g0.expr=sum(rate(node_cpu_seconds_total%5B5m%5D)&from=now-1h&to=now",
  histogram: "#/query?g0.expr=native&g0.tab=table",
  queries: "#/queries",
  cardinality: "#/cardinality",
  metric: "#/cardinality?metric=node_cpu_seconds_total&label=mode",
  cluster: "#/cluster",
  status: "#/status",
};
for (const [size, width, height] of [["wide", 1366, 860], ["narrow", 390, 844]]) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && console.log(size, message.text()));
    page.on("pageerror", (error) => console.log(size, error.stack));
    const shot = (name) => page.screenshot({ path: `${folder}/${name}-${size}-${colorScheme}.png`, fullPage: name !== "complete" && name !== "tip" });
    for (const [name, hash] of Object.entries(views)) {
      await page.goto("about:blank");
      await page.goto(url + hash, { waitUntil: "networkidle" }).catch(() => undefined);
      await page.waitForTimeout(250);
      await shot(name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) {
        console.log(`${name} ${size} is ${wide} px too wide`);
      }
      if (name === "graph") {
        const box = await page.locator(".u-over").boundingBox();
        await page.mouse.move(box.x + box.width * 0.9, box.y + box.height * 0.6);
        await page.waitForTimeout(100);
        await shot("tip");
        await page.getByText("Trace", { exact: true }).click();
        await page.waitForTimeout(600);
        await shot("trace");
      }
    }
    await page.goto("about:blank");
    await page.goto(url, { waitUntil: "networkidle" });
    await page.locator(".cm-content").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("sum(rate(node_cpu", { delay: 30 });
    await page.waitForTimeout(900);
    await shot("complete");
    await page.close();
  }
}
await browser.close();

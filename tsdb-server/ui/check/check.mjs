// Uses the page of a server that has series, as somebody with a browser would: npm run check -- URL [EXPRESSION]
// Ends with 1 when something is not as it should be. CHROMIUM names the browser.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [url = "http://127.0.0.1:7201/", expression = "up"] = process.argv.slice(2);
const origin = new URL(url).origin;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
let failed = false;

/** A page that notes what goes wrong on it, and what it asks others for. */
async function open(width, height, hash) {
  const context = await browser.newContext({ viewport: { width, height } });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => /Content Security Policy|Refused to/.test(message.text()) && wrong.push(message.text()));
  page.on("request", (request) => new URL(request.url()).origin === origin || wrong.push(`request to ${request.url()}`));
  await page.goto(url + hash);
  return { page, wrong, editor: page.locator(".editor .cm-content").first() };
}

// A server that has just begun to store has a line for the last minutes alone.
async function step(name, act, [width, height] = [1280, 800], hash = "#/query?from=now-5m&to=now") {
  const opened = await open(width, height, hash);
  try {
    await act(opened);
    assert.deepEqual(opened.wrong, []);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
  await opened.page.context().close();
}

/** How many points of the graph's canvas have colours, other than the greys of its grid. */
const colored = (page) =>
  page.evaluate(() => {
    const canvas = document.querySelector(".canvas canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      const [red, green, blue, alpha] = data.subarray(at, at + 4);
      count += alpha > 100 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60 ? 1 : 0;
    }
    return count;
  });

async function run(page, editor, text) {
  await editor.click();
  await page.keyboard.type(text);
  await page.keyboard.press("Escape");
  await editor.click();
  await page.keyboard.press("Control+Enter");
}

await step("a typed query is drawn, in the link, and in the history", async ({ page, editor }) => {
  await run(page, editor, expression);
  const canvas = page.locator(".canvas[data-series]");
  await canvas.waitFor();
  assert.ok(Number(await canvas.getAttribute("data-series")) > 0);
  await page.waitForTimeout(200);
  assert.ok((await colored(page)) > 20, "no line is drawn");
  assert.ok((await page.locator(".legend button").count()) > 0);
  assert.match(page.url(), new RegExp(`g0\\.expr=${encodeURIComponent(expression).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`));
  const before = await colored(page);
  for (const name of await page.locator(".legend button").all()) {
    await name.click();
  }
  await page.mouse.move(0, 0);
  await page.waitForFunction(() => document.querySelectorAll('.legend button[aria-pressed="true"]').length === 0);
  assert.ok((await colored(page)) < before, "hidden lines are still drawn");
  await page.reload();
  await canvas.waitFor();
  await page.getByRole("button", { name: "History" }).click();
  await page.locator(".choices").getByText(expression, { exact: true }).waitFor();
});

await step("dragging across a graph sets the range", async ({ page, editor }) => {
  await run(page, editor, expression);
  await page.locator(".canvas[data-series]").waitFor();
  const box = await page.locator(".u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.95, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => !location.hash.includes("to=now"));
  assert.match(await page.getByLabel("From").inputValue(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
});

await step("the table shows values", async ({ page, editor }) => {
  await run(page, editor, expression);
  await page.getByRole("tab", { name: "Table" }).click();
  await page.locator("table.result tbody tr").first().waitFor();
  assert.match(await page.locator("table.result td.number").first().innerText(), /\d/);
});

await step("metrics and functions are completed", async ({ page, editor }) => {
  await editor.click();
  await page.keyboard.type("histogram_q");
  await page.locator(".cm-tooltip-autocomplete li").filter({ hasText: "histogram_quantile" }).first().waitFor();
  for (let at = 0; at < 11; at += 1) {
    await page.keyboard.press("Backspace");
  }
  const metric = await page.evaluate(async () => (await (await fetch("api/v1/label/__name__/values")).json()).data.find((name) => /^[a-z_]{5,}$/.test(name)));
  await page.keyboard.type(metric.slice(0, -1), { delay: 20 });
  await page.locator(".cm-tooltip-autocomplete li").filter({ hasText: metric }).first().waitFor();
  await page.keyboard.press("Escape");
});

await step("an error is shown at its place", async ({ page, editor }) => {
  const text = `sum(${expression}) by`;
  await run(page, editor, `${text} )`);
  const error = page.locator(".notice.error");
  await error.waitFor();
  assert.match(await error.innerText(), /parse error/);
  assert.equal(await error.locator("mark").innerText(), ")");
  await page.locator(".editor .cm-lintRange-error").first().waitFor();
});

await step("a query that runs is cancelled", async ({ page, editor }) => {
  await page.route("**/api/v1/query_range", () => undefined);
  await run(page, editor, expression);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("The query was cancelled.").waitFor();
  await page.getByRole("button", { name: "Run" }).waitFor();
});

await step("several expressions share a graph", async ({ page }) => {
  await page.locator(".canvas[data-series]").waitFor();
  assert.equal(await page.locator(".canvas[data-series]").count(), 1);
  assert.deepEqual([...new Set(await page.locator(".legend b").allInnerTexts())], ["A", "B"]);
}, [1280, 800], `#/query?g0.expr=${encodeURIComponent(expression)}&g1.expr=${encodeURIComponent(`${expression} * 2`)}&joined=1`);

await step("keys: / to the editor, ? and Esc", async ({ page }) => {
  await page.locator(".cm-content").waitFor();
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.classList.contains("editor"));
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

await step("all of it fits a narrow window, and stays where it is", async ({ page, editor }) => {
  await page.evaluate(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shifted += entry.hadRecentInput ? 0 : entry.value))).observe({ type: "layout-shift", buffered: true });
  });
  await run(page, editor, expression);
  await page.locator(".canvas[data-series]").waitFor();
  for (const view of ["query", "queries", "cardinality", "cluster", "status"]) {
    await page.evaluate((name) => (location.hash = `#/${name}`), view);
    await page.waitForTimeout(300);
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(beyond <= 0, `${view} is ${beyond} px too wide`);
  }
  assert.ok((await page.evaluate(() => window.shifted)) < 0.1, "things move");
}, [390, 844]);

await step("light and dark differ", async ({ page }) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const toggle = async (becomes) => {
    await page.getByRole("button", { name: /Colours/ }).click();
    await page.waitForFunction((theme) => document.documentElement.dataset.theme === theme, becomes);
    return ground();
  };
  assert.notEqual(await toggle("light"), await toggle("dark"));
});

await browser.close();
process.exit(failed ? 1 : 0);

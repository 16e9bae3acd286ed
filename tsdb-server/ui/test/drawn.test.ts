import { expect, test } from "vitest";
import { gridTimes, linesOf, shortNames, stack } from "../src/lines";
import { type TraceNode, traceRows } from "../src/trace";

const range = { start: 100, end: 130, step: 10 };

test("series lie on the grid, with gaps where they have nothing to draw", () => {
  expect(gridTimes(range)).toEqual([100, 110, 120, 130]);
  expect(gridTimes({ start: 0, end: 0.3, step: 0.1 })).toEqual([0, 0.1, 0.2, 0.3]);
  const lines = linesOf(
    [
      { metric: { __name__: "a", job: "x" }, values: [[100, "1"], [120, "3"], [130, "NaN"]] },
      { metric: {}, values: [[90, "1"], [110, "+Inf"], [130, "4"]] },
      { metric: { __name__: "h" }, histograms: [[100, { count: "1", sum: "1" }]] },
    ],
    range,
    "A",
    " 1 + 1 ",
  );
  expect(lines).toEqual([
    { panel: "A", labels: { __name__: "a", job: "x" }, name: 'a{job="x"}', values: [1, null, 3, null] },
    { panel: "A", labels: {}, name: "1 + 1", values: [null, null, null, 4] },
  ]);
});

test("stacked lines stand on those before them", () => {
  expect(stack([[1, null, 3], [10, 10, null], [5, 5, 5]])).toEqual([[1, null, 3], [11, 10, null], [16, 15, 8]]);
});

test("names in a legend leave out what all have alike", () => {
  const line = (labels: Record<string, string>) => ({ panel: "", labels, name: JSON.stringify(labels), values: [] });
  expect(shortNames([line({ __name__: "a", job: "x" }), line({ __name__: "a", job: "y" })])).toEqual(['{job="x"}', '{job="y"}']);
  expect(shortNames([line({ a: "1" })])).toEqual(['{"a":"1"}']);
  expect(shortNames([])).toEqual([]);
});

test("a trace is rows, parents first, with their part and what is their own", () => {
  const trace: TraceNode = {
    name: "query",
    duration_ms: 100,
    children: [
      { name: "select", duration_ms: 60, children: [{ name: "n1", duration_ms: 50 }, { name: "n2", duration_ms: 55 }] },
      { name: "sum", duration_ms: 30 },
    ],
  };
  const rows = (collapsed: string[]) => traceRows(trace, new Set(collapsed)).map(({ path, depth, share, selfMs }) => [path, depth, share, selfMs]);
  expect(rows([])).toEqual([
    ["0", 0, 1, 10],
    // Its children ran beside each other.
    ["0.0", 1, 0.6, 0],
    ["0.0.0", 2, 0.5, 50],
    ["0.0.1", 2, 0.55, 55],
    ["0.1", 1, 0.3, 30],
  ]);
  expect(rows(["0.0"]).map(([path]) => path)).toEqual(["0", "0.0", "0.1"]);
  expect(rows(["0"])).toHaveLength(1);
});

test("a trace without end or time does no harm", () => {
  const deep: TraceNode = { name: "x", duration_ms: 0 };
  deep.children = [deep];
  expect(traceRows(deep, new Set())).toHaveLength(64);
  const wide: TraceNode = { name: "x", duration_ms: 0, children: Array.from({ length: 10_000 }, () => ({ name: "y", duration_ms: 1 })) };
  expect(traceRows(wide, new Set())).toHaveLength(5000);
  expect(traceRows(wide, new Set())[0]?.share).toBe(0);
});

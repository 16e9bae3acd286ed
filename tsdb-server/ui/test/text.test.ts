import { describe, expect, test } from "vitest";
import { formatDuration, formatMillis, parseDuration } from "../src/duration";
import { HISTORY_MAX, withExpression } from "../src/history";
import { formatLabels } from "../src/labels";
import { formatAxis, formatBytes, formatShort, parseSample } from "../src/number";
import { errorPlace } from "../src/parse_error";

describe("durations", () => {
  test.each([
    ["15s", 15],
    ["1h30m", 5400],
    ["1d", 86_400],
    ["2w", 1_209_600],
    ["1y", 31_536_000],
    ["250ms", 0.25],
    ["1m500ms", 60.5],
    ["90", 90],
    ["0.5", 0.5],
  ])("%s", (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  test.each(["", "h", "1x", "1s1h", "-1h", "1.5h", "1 h"])("%s is none", (text) => expect(parseDuration(text)).toBeNull());

  test("are read back as they are written", () => {
    for (const seconds of [0.001, 0.25, 1, 59, 60, 61, 3600, 5400, 86_400, 90_061, 604_800, 864_000, 31_536_000]) {
      expect(parseDuration(formatDuration(seconds))).toBe(seconds);
    }
    expect(formatDuration(864_000)).toBe("10d");
    expect(formatDuration(604_800)).toBe("1w");
    expect(formatDuration(0)).toBe("0s");
  });

  test("that were measured have a unit that fits", () => {
    expect([0, 0.0421, 0.64, 12.345, 999.9, 4560, 200_000].map(formatMillis)).toEqual([
      "0 ms", "42.1 \u00b5s", "640 \u00b5s", "12.3 ms", "1000 ms", "4.56 s", "3m20s",
    ]);
  });
});

describe("numbers", () => {
  test.each([
    [0, "0"],
    [1, "1"],
    [-1234, "-1.234k"],
    [999_999, "1M"],
    [0.012_345, "0.01235"],
    [1e-9, "1e-9"],
    [2.5e21, "2.5e+21"],
    [NaN, "NaN"],
    [-Infinity, "-Inf"],
  ])("%s", (value, text) => expect(formatShort(value)).toBe(text));

  test("on an axis differ from their neighbours", () => {
    expect([0, 0.05, 0.1].map((value) => formatAxis(value, 0.05))).toEqual(["0", "0.05", "0.10"]);
    expect([1_000_000, 1_000_200].map((value) => formatAxis(value, 200))).toEqual(["1.0000M", "1.0002M"]);
    expect([0.25, 0.5, 1, 1.25].map((value) => formatAxis(value, 0.25))).toEqual(["0.25", "0.50", "1.00", "1.25"]);
    expect(formatAxis(1500, 500)).toBe("1.5k");
    expect(formatAxis(20, 10)).toBe("20");
  });

  test("of samples and bytes", () => {
    expect(["+Inf", "-Inf", "1e3"].map(parseSample)).toEqual([Infinity, -Infinity, 1000]);
    expect(parseSample("NaN")).toBeNaN();
    expect(formatBytes(1536)).toBe("1.5 KiB");
  });
});

test("labels are written as they would be queried", () => {
  expect(formatLabels({ __name__: "up", job: "a\"b\\\n", instance: "x" })).toBe('up{instance="x", job="a\\"b\\\\\\n"}');
  expect(formatLabels({ __name__: "up" })).toBe("up");
  expect(formatLabels({})).toBe("{}");
  expect(formatLabels({ __name__: "http.requests", "k8s.pod": "a" })).toBe('{"http.requests", "k8s.pod"="a"}');
});

describe("the place of an error", () => {
  test("is where the server says, to the end of the word", () => {
    const error = 'invalid parameter "query": 1:5: parse error: unexpected identifier "bar"';
    expect(errorPlace(error, "foo bar")).toEqual({ from: 4, to: 7, message: 'parse error: unexpected identifier "bar"' });
  });
  test("at the end is what stands last", () => {
    expect(errorPlace("1:5: parse error: unexpected end of input", "sum(")).toMatchObject({ from: 3, to: 4 });
  });
  test("counts lines, and bytes of UTF-8", () => {
    expect(errorPlace("2:3: parse error: x", "up\n+ )")).toMatchObject({ from: 5, to: 6 });
    const expr = 'up{a="\u00e9\u{1f600}"} )';
    expect(errorPlace("1:16: parse error: x", expr)).toMatchObject({ from: expr.length - 1, to: expr.length });
  });
  test("is none in other errors, and never outside of the text", () => {
    expect(errorPlace("query timed out", "up")).toBeNull();
    expect(errorPlace("9:99: parse error: x", "up")).toMatchObject({ from: 1, to: 2 });
    expect(errorPlace("1:1: parse error: no expression found in input", "")).toMatchObject({ from: 0, to: 0 });
  });
});

test("a history has each expression once, the newest first, and an end", () => {
  expect(withExpression(["a", "b"], " b ")).toEqual(["b", "a"]);
  expect(withExpression(["a"], "  ")).toEqual(["a"]);
  const full = Array.from({ length: HISTORY_MAX }, (_, at) => `q${at}`);
  expect(withExpression(full, "new")).toHaveLength(HISTORY_MAX);
});

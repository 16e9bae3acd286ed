import { describe, expect, test } from "vitest";
import { autoStep, changeRange, describeRange, formatTime, parseTime, resolveRange } from "../src/range";

const at = { now: 1_700_000_000, utc: true, points: 400 };

describe("a typed time", () => {
  test.each([
    ["now", at.now],
    [" now-1h ", at.now - 3600],
    ["now + 90s", at.now + 90],
    ["now-1h30m", at.now - 5400],
    ["1699999999", 1_699_999_999],
    ["1699999999.5", 1_699_999_999.5],
    ["1699999999500", 1_699_999_999.5],
    ["2023-11-14", 1_699_920_000],
    ["2023-11-14 22:13:20", at.now],
    ["2023-11-14T22:13:20Z", at.now],
    ["2023-11-14t22:13:20z", at.now],
    ["2023-11-15 00:13:20+02:00", at.now],
    ["2023-11-14 22:13", at.now - 20],
    ["2023-11-14 22:13:20.250", at.now + 0.25],
  ])("%s", (text, seconds) => expect(parseTime(text, at.now, true)).toBe(seconds));

  test.each(["", "yesterday", "now-", "now-1x", "2023-13-01", "2023-11-14 25:00", "12:00", "now-1h-1h"])("%s is none", (text) =>
    expect(parseTime(text, at.now, true)).toBeNull(),
  );

  test.each([true, false])("is read back as it is written (UTC: %s)", (utc) => {
    for (const seconds of [0, at.now, at.now + 0.125, 4_102_444_800]) {
      expect(parseTime(formatTime(seconds, utc), 0, utc)).toBe(seconds);
    }
  });
});

describe("a range", () => {
  test("has its points on multiples of a step that fits", () => {
    expect(resolveRange({ from: "now-1h", to: "now" }, "", at)).toEqual({ start: 1_699_996_400, end: 1_700_000_000, step: 10 });
    expect(autoStep(3600, 400)).toBe(10);
    expect(autoStep(86_400 * 365, 400)).toBe(86_400);
    expect(autoStep(1, 400)).toBe(1);
    expect(autoStep(86_400 * 365 * 100, 400) % 604_800).toBe(0);
  });

  test("has the step that is typed", () => {
    expect(resolveRange({ from: "100", to: "200" }, "30", at)).toEqual({ start: 90, end: 180, step: 30 });
    expect(resolveRange({ from: "100", to: "101" }, "100ms", at)).toEqual({ start: 100, end: 101, step: 0.1 });
  });

  test.each([
    ["x", "now", "", "start is no time"],
    ["now-1h", "x", "", "end is no time"],
    ["now", "now-1h", "", "not before"],
    ["now-1h", "now", "x", "step is no duration"],
    ["now-1h", "now", "0s", "step is no duration"],
    ["now-1d", "now", "1s", "take 8s or more"],
  ])("from %s to %s by %s is refused", (from, to, step, why) => expect(resolveRange({ from, to }, step, at)).toContain(why));

  test("moves and widens", () => {
    const range = { start: 1_699_999_000, end: 1_700_000_000 };
    const moved = (how: "back" | "forward" | "wider") => {
      const { from, to } = changeRange(range, how, true);
      return [parseTime(from, 0, true), parseTime(to, 0, true)];
    };
    expect(moved("back")).toEqual([1_699_998_500, 1_699_999_500]);
    expect(moved("forward")).toEqual([1_699_999_500, 1_700_000_500]);
    expect(moved("wider")).toEqual([1_699_998_500, 1_700_000_500]);
  });

  test("says what it is", () => {
    expect(describeRange({ from: "now-7d", to: "now" })).toBe("Last 7d");
    expect(describeRange({ from: "now-7d", to: "now-1d" })).toBe("now-7d to now-1d");
  });
});

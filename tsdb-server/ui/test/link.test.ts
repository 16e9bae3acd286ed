import { expect, test } from "vitest";
import { decodeQuery, encodeQuery, joinHash, letter, newPanel, PANELS_MAX, queryLink, splitHash } from "../src/link";

const plain = (state: ReturnType<typeof decodeQuery>) => ({ ...state, panels: state.panels.map(({ key: _, ...panel }) => panel) });

test("a link shows what its sender saw", () => {
  const state = {
    from: "2026-01-01 00:00:00",
    to: "now+1h",
    step: "15s",
    joined: true,
    panels: [
      newPanel('sum(rate(a{b=~"c|d&e=f#?%"}[5m]))\n/ 2'),
      { ...newPanel("up", "table"), on: false },
      { ...newPanel("\u00fc + 1"), stacked: true },
      newPanel(""),
    ],
  };
  const hash = joinHash("query", encodeQuery(state));
  const { view, parameters } = splitHash(hash);
  expect(view).toBe("query");
  expect(plain(decodeQuery(parameters))).toEqual(plain(state));
});

test("a link that says nothing, or nonsense, is an empty query", () => {
  for (const hash of ["", "#", "#/", "#/nothing?x=1", "#/query?g1.expr=up&to=now"]) {
    const { view, parameters } = splitHash(hash);
    expect(view).toBe("query");
    expect(plain(decodeQuery(parameters))).toMatchObject({ from: "now-1h", to: "now", panels: [{ expr: "" }] });
  }
  const many = new URLSearchParams(Array.from({ length: 99 }, (_, at) => [`g${at}.expr`, "up"]));
  expect(decodeQuery(many).panels).toHaveLength(PANELS_MAX);
});

test("links to one expression, other views, and panels' letters", () => {
  expect(decodeQuery(splitHash(queryLink("a?b", "table")).parameters).panels[0]).toMatchObject({ expr: "a?b", tab: "table" });
  expect(decodeQuery(new URLSearchParams("g0.expr=up&g0.tab=1")).panels[0]).toMatchObject({ tab: "table" });
  expect(splitHash("#/cardinality?metric=up").parameters.get("metric")).toBe("up");
  expect([0, 1, 25].map(letter)).toEqual(["A", "B", "Z"]);
});

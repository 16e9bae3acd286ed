// What the address of the page says behind its `#`, so that a link shows what its sender saw.

export type Tab = "graph" | "table";

/** An expression and how it is shown. */
export interface PanelState {
  /** Tells panels apart while the page lives; no part of a link. */
  key: number;
  expr: string;
  tab: Tab;
  stacked: boolean;
  /** Whether it is asked for at all. */
  on: boolean;
}

export interface QueryState {
  panels: PanelState[];
  from: string;
  to: string;
  /** A duration; empty for one that fits the range. */
  step: string;
  /** Whether all expressions share one graph. */
  joined: boolean;
}

export type ViewName = "query" | "queries" | "cardinality" | "cluster" | "status";

const VIEWS: readonly string[] = ["query", "queries", "cardinality", "cluster", "status"];
/** More expressions than a link may ask to be run at once. */
export const PANELS_MAX = 26;

let nextKey = 1;

export function newPanel(expr = "", tab: Tab = "graph"): PanelState {
  nextKey += 1;
  return { key: nextKey, expr, tab, stacked: false, on: true };
}

export function newQuery(expr = ""): QueryState {
  return { panels: [newPanel(expr)], from: "now-1h", to: "now", step: "", joined: false };
}

/** View and parameters of a hash: `#/query?g0.expr=up`. */
export function splitHash(hash: string): { view: ViewName; parameters: URLSearchParams } {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const view = VIEWS.includes(path) ? (path as ViewName) : "query";
  return { view, parameters: new URLSearchParams(query) };
}

export function joinHash(view: ViewName, parameters: URLSearchParams): string {
  const query = parameters.toString();
  return query === "" ? `#/${view}` : `#/${view}?${query}`;
}

export function encodeQuery(state: QueryState): URLSearchParams {
  const parameters = new URLSearchParams();
  state.panels.forEach((panel, at) => {
    parameters.set(`g${at}.expr`, panel.expr);
    if (panel.tab !== "graph") {
      parameters.set(`g${at}.tab`, panel.tab);
    }
    if (panel.stacked) {
      parameters.set(`g${at}.stacked`, "1");
    }
    if (!panel.on) {
      parameters.set(`g${at}.on`, "0");
    }
  });
  parameters.set("from", state.from);
  parameters.set("to", state.to);
  if (state.step !== "") {
    parameters.set("step", state.step);
  }
  if (state.joined) {
    parameters.set("joined", "1");
  }
  return parameters;
}

export function decodeQuery(parameters: URLSearchParams): QueryState {
  const panels: PanelState[] = [];
  while (panels.length < PANELS_MAX) {
    const at = `g${panels.length}`;
    const expr = parameters.get(`${at}.expr`);
    if (expr === null) {
      break;
    }
    // Prometheus' own links say 1 for the table.
    const tab = ["table", "1"].includes(parameters.get(`${at}.tab`) ?? "") ? "table" : "graph";
    const panel = newPanel(expr, tab);
    panels.push({
      ...panel,
      stacked: parameters.get(`${at}.stacked`) === "1",
      on: parameters.get(`${at}.on`) !== "0",
    });
  }
  const empty = newQuery();
  return {
    panels: panels.length > 0 ? panels : empty.panels,
    from: parameters.get("from") ?? empty.from,
    to: parameters.get("to") ?? empty.to,
    step: parameters.get("step") ?? "",
    joined: parameters.get("joined") === "1",
  };
}

/** A link to one expression. */
export function queryLink(expr: string, tab: Tab = "graph"): string {
  const state = newQuery();
  return joinHash("query", encodeQuery({ ...state, panels: [newPanel(expr, tab)] }));
}

/** The letter of a panel: A, B, C... */
export function letter(at: number): string {
  return String.fromCharCode(65 + (at % 26));
}

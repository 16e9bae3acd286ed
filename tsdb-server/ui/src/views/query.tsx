// Expressions, the range of time they share, and their results.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { remember } from "../history";
import { gridTimes, type Line } from "../lines";
import { decodeQuery, encodeQuery, joinHash, letter, newPanel, type PanelState, PANELS_MAX, type QueryState } from "../link";
import { formatTime, resolveRange } from "../range";
import { load, save } from "../storage";
import { focusEditor } from "./editor";
import { Graph } from "./graph";
import { Panel } from "./panel";
import { TimeControls } from "./time_controls";

const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";

export function Query({ parameters, dark }: { parameters: URLSearchParams; dark: boolean }) {
  const [state, setState] = useState<QueryState>(() => decodeQuery(parameters));
  const [now, setNow] = useState(() => Date.now() / 1000);
  const [turn, setTurn] = useState(0);
  const [utc, setUtc] = useState(() => load("utc", false, isBoolean));
  const [traced, setTraced] = useState(false);
  const [refresh, setRefresh] = useState(0);
  const [lines, setLines] = useState<ReadonlyMap<number, Line[]>>(new Map());
  const written = useRef(encodeQuery(state).toString());

  // Going back and forth, and links that are pasted, change the address alone.
  useEffect(() => {
    if (parameters.toString() !== written.current) {
      const next = decodeQuery(parameters);
      written.current = encodeQuery(next).toString();
      setState(next);
      setNow(Date.now() / 1000);
    }
  }, [parameters]);

  const points = useMemo(() => Math.min(500, Math.max(120, Math.floor(window.innerWidth / 3))), []);
  const resolved = useMemo(() => resolveRange(state, state.step, { now, utc, points }), [state.from, state.to, state.step, now, utc, points]);
  const range = typeof resolved === "string" ? null : resolved;

  const change = (next: QueryState) => {
    setState(next);
    const query = encodeQuery(next);
    if (query.toString() !== written.current) {
      written.current = query.toString();
      history.pushState(null, "", joinHash("query", query));
    }
  };
  const again = () => {
    setNow(Date.now() / 1000);
    setTurn((before) => before + 1);
  };
  const run = (panel: PanelState, expr: string) => {
    remember(expr);
    change({ ...state, panels: state.panels.map((one) => (one.key === panel.key ? { ...one, expr, on: true } : one)) });
    again();
  };
  const replace = (panel: PanelState) => change({ ...state, panels: state.panels.map((one) => (one.key === panel.key ? panel : one)) });
  const add = (like?: PanelState) => {
    if (state.panels.length < PANELS_MAX) {
      change({ ...state, panels: [...state.panels, newPanel(like?.expr ?? "", like?.tab)] });
      requestAnimationFrame(() => focusEditor(state.panels.length));
    }
  };
  const zoom = (start: number, end: number) => {
    const exact = end - start < 10;
    const text = (seconds: number) => formatTime(exact ? seconds : Math.round(seconds), utc);
    change({ ...state, from: text(start), to: text(end) });
  };

  useEffect(() => {
    if (refresh === 0) {
      return undefined;
    }
    const timer = setInterval(() => document.hidden || again(), refresh * 1000);
    return () => clearInterval(timer);
  }, [refresh]);

  const takeLines = useCallback((key: number, own: Line[]) => setLines((before) => new Map(before).set(key, own)), []);
  const drawn = state.panels.filter((panel) => panel.on && panel.tab === "graph");
  const all = useMemo(
    () => (state.joined ? drawn.flatMap((panel) => lines.get(panel.key) ?? []) : []),
    [state.joined, lines, drawn.map((panel) => panel.key).join()],
  );
  const times = useMemo(() => (range === null ? [] : gridTimes(range)), [range]);
  // Lines of the range before have another length until the new ones are there.
  const fitting = useMemo(() => all.filter((line) => line.values.length === times.length), [all, times]);
  const many = state.panels.length > 1;

  return (
    <>
      <h1 class="unseen">Query</h1>
      <TimeControls
        typed={state}
        step={state.step}
        range={range}
        problem={typeof resolved === "string" ? resolved : null}
        utc={utc}
        refresh={refresh}
        onChange={(typed, step) => {
          if (typed.from !== state.from || typed.to !== state.to || step !== state.step) {
            change({ ...state, from: typed.from, to: typed.to, step });
            setNow(Date.now() / 1000);
          }
        }}
        onUtc={(on) => {
          save("utc", on);
          setUtc(on);
        }}
        onRefresh={setRefresh}
      />
      {state.panels.map((panel, at) => (
        <Panel
          key={panel.key}
          name={letter(at)}
          panel={panel}
          joined={state.joined && many}
          alone={!many}
          {...{ range, turn, dark, utc, traced }}
          onChange={replace}
          onRun={(expr) => run(panel, expr)}
          onRemove={() => change({ ...state, panels: state.panels.filter((one) => one.key !== panel.key) })}
          onCopy={() => add(panel)}
          onZoom={zoom}
          onLines={takeLines}
        />
      ))}
      <div class="row below">
        <button onClick={() => add()} disabled={state.panels.length >= PANELS_MAX}>
          Add expression
        </button>
        {many && (
          <label class="check">
            <input type="checkbox" checked={state.joined} onChange={(event) => change({ ...state, joined: event.currentTarget.checked })} />
            All in one graph
          </label>
        )}
        <label class="check" title="Ask the server what each query did and how long it took">
          <input type="checkbox" checked={traced} onChange={(event) => setTraced(event.currentTarget.checked)} />
          Trace
        </label>
        <div class="grow" />
        <Share />
      </div>
      {state.joined && many && (
        <section class="panel" aria-label="All expressions">
          {fitting.length === 0 ? (
            <div class="canvas blank">No value in this range.</div>
          ) : (
            <Graph {...{ times, lines: fitting, stacked: false, dark, utc, onZoom: zoom }} />
          )}
        </section>
      )}
    </>
  );
}

/** Copies the address, which says all that is seen. */
function Share() {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => {
    // Browsers give the clipboard to pages of https and this machine only; others are shown the link.
    if (navigator.clipboard === undefined) {
      prompt("The link to what is shown", location.href);
    } else {
      navigator.clipboard.writeText(location.href).then(() => setCopied(true), () => prompt("The link to what is shown", location.href));
    }
  };
  return <button onClick={copy}>{copied ? "Link copied" : "Copy link"}</button>;
}

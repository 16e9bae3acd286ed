// One expression: its editor, and its result as a graph or a table.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { QueryResult } from "../api";
import { formatMillis, formatDuration } from "../duration";
import { gridTimes, type Line, linesOf } from "../lines";
import type { PanelState, Tab } from "../link";
import { formatCount } from "../number";
import { errorPlace } from "../parse_error";
import type { Range } from "../range";
import { type Outcome, useRun } from "../run";
import { Editor } from "./editor";
import { Graph } from "./graph";
import { HistoryDialog } from "./history_dialog";
import { Notice } from "./parts";
import { ResultTable } from "./result_table";
import { Trace } from "./trace";

interface Props {
  name: string;
  panel: PanelState;
  range: Range | null;
  turn: number;
  dark: boolean;
  utc: boolean;
  traced: boolean;
  /** Whether the graph of all panels draws this one's lines. */
  joined: boolean;
  alone: boolean;
  onChange: (panel: PanelState) => void;
  onRun: (expr: string) => void;
  onRemove: () => void;
  onCopy: () => void;
  onZoom: (start: number, end: number) => void;
  onLines: (key: number, lines: Line[]) => void;
}

export function Panel(props: Props) {
  const { name, panel, range, turn, dark, utc, traced, joined, alone, onChange, onRun, onZoom, onLines } = props;
  const [given, setGiven] = useState({ text: panel.expr });
  const [draft, setDraft] = useState(panel.expr);
  const ran = useRef(panel.expr);
  const [choosing, setChoosing] = useState(false);
  useEffect(() => {
    // Of what was run here the editor knows, and may be further by now.
    if (panel.expr !== ran.current) {
      ran.current = panel.expr;
      setGiven({ text: panel.expr });
    }
  }, [panel.expr]);
  const run = (expr: string) => {
    ran.current = expr;
    onRun(expr);
  };
  const put = (expr: string) => {
    setGiven({ text: expr });
    run(expr);
  };

  const { outcome, running, cancel } = useRun({ expr: panel.expr, tab: panel.tab, range, traced, on: panel.on, turn });
  const place = useMemo(
    () => (outcome?.error && outcome.expr === draft ? errorPlace(outcome.error.message, outcome.expr) : null),
    [outcome, draft],
  );
  const result = outcome?.answer?.data ?? null;
  const lines = useMemo(
    () =>
      outcome !== null && outcome.tab === "graph" && result?.resultType === "matrix"
        ? linesOf(result.result, outcome.range, alone ? "" : name, outcome.expr)
        : [],
    [outcome, alone, name],
  );
  useEffect(() => onLines(panel.key, lines), [lines, panel.key]);

  return (
    <section class={panel.on ? "panel" : "panel off"} aria-label={`Expression ${name}`}>
      <div class="entry">
        <span class="letter" aria-hidden="true">
          {name}
        </span>
        <Editor label={`Expression ${name}`} given={given} place={place} onChange={setDraft} onRun={run} />
        {running ? (
          <button class="run cancel" onClick={cancel} title="Give this query up">
            Cancel
          </button>
        ) : (
          <button class="run" onClick={() => run(draft)} title="Run (Enter)">
            Run
          </button>
        )}
      </div>
      <div class="bar-of-panel">
        <Tabs tab={panel.tab} onTab={(tab) => onChange({ ...panel, tab })} />
        {panel.tab === "graph" && !joined && (
          <label class="check">
            <input type="checkbox" checked={panel.stacked} onChange={(event) => onChange({ ...panel, stacked: event.currentTarget.checked })} />
            Stacked
          </label>
        )}
        <div class="actions">
          <button onClick={() => setChoosing(true)}>History</button>
          {!alone && <button onClick={() => onChange({ ...panel, on: !panel.on })}>{panel.on ? "Hide" : "Show"}</button>}
          <button onClick={props.onCopy} title="Add an expression that begins like this one">
            Copy
          </button>
          {!alone && (
            <button onClick={props.onRemove} aria-label={`Remove expression ${name}`}>
              Remove
            </button>
          )}
        </div>
      </div>
      <div class={running ? "progress" : "progress still"} aria-hidden="true" />
      <Messages outcome={outcome} />
      {panel.on && (
        <div class="outcome" aria-busy={running} data-tab={panel.tab}>
          {outcome !== null && outcome.tab === panel.tab && result !== null ? (
            <Body {...{ outcome, result, lines, panel, dark, utc, joined, onZoom }} onPick={put} />
          ) : (
            !joined && <Placeholder tab={panel.tab} empty={panel.expr.trim() === ""} failed={outcome?.error != null} />
          )}
        </div>
      )}
      {result?.trace !== undefined && (
        <details class="traced" open>
          <summary>Trace</summary>
          <Trace trace={result.trace} />
        </details>
      )}
      {traced && result !== null && result.trace === undefined && <p class="note">The server gave no trace.</p>}
      {choosing && (
        <HistoryDialog
          onClose={() => setChoosing(false)}
          onPick={(expr) => {
            setChoosing(false);
            put(expr);
          }}
        />
      )}
    </section>
  );
}

function Tabs({ tab, onTab }: { tab: Tab; onTab: (tab: Tab) => void }) {
  const button = (which: Tab, text: string) => (
    <button role="tab" aria-selected={tab === which} onClick={() => onTab(which)}>
      {text}
    </button>
  );
  return (
    <div class="tabs" role="tablist" aria-label="Shown as">
      {button("graph", "Graph")}
      {button("table", "Table")}
    </div>
  );
}

/** Keeps the room of a graph, so that nothing moves when one comes. */
function Placeholder({ tab, empty, failed }: { tab: Tab; empty: boolean; failed: boolean }) {
  const text = empty ? "Write an expression and press Enter." : failed ? "" : "\u00a0";
  return <div class={tab === "graph" && !failed ? "canvas blank" : "blank"}>{text}</div>;
}

function Messages({ outcome }: { outcome: Outcome | null }) {
  if (outcome === null) {
    return null;
  }
  const { error, answer, expr } = outcome;
  const place = error === null ? null : errorPlace(error.message, expr);
  return (
    <>
      {error !== null &&
        (error.kind === "cancelled" ? (
          <Notice kind="info">The query was cancelled.</Notice>
        ) : (
          <Notice kind="error">
            {place !== null && (
              <pre class="place" aria-hidden="true">
                {expr.slice(Math.max(0, place.from - 40), place.from)}
                <mark>{expr.slice(place.from, place.to)}</mark>
                {expr.slice(place.to, place.to + 40)}
              </pre>
            )}
            {error.message}
          </Notice>
        ))}
      {answer?.warnings.map((text) => <Notice kind="warning">{text}</Notice>)}
      {answer?.infos.map((text) => <Notice kind="info">{text}</Notice>)}
    </>
  );
}

interface BodyProps {
  outcome: Outcome;
  result: QueryResult;
  lines: Line[];
  panel: PanelState;
  dark: boolean;
  utc: boolean;
  joined: boolean;
  onZoom: (start: number, end: number) => void;
  onPick: (expr: string) => void;
}

function Body({ outcome, result, lines, panel, dark, utc, joined, onZoom, onPick }: BodyProps) {
  const times = useMemo(() => gridTimes(outcome.range), [outcome]);
  const drawn = outcome.tab === "graph" && result.resultType === "matrix";
  const histograms = drawn ? result.result.filter((series) => series.histograms !== undefined).length : 0;
  return (
    <>
      <Stats outcome={outcome} result={result} />
      {histograms > 0 && <p class="note">{histograms} series are of native histograms: the table shows their buckets.</p>}
      {drawn ? (
        !joined &&
        (lines.length === 0 ? (
          <div class="canvas blank">No value in this range.</div>
        ) : (
          <Graph {...{ times, lines, stacked: panel.stacked, dark, utc, onZoom }} />
        ))
      ) : (
        <ResultTable result={result} utc={utc} onPick={onPick} />
      )}
    </>
  );
}

/** What the answer cost. */
function Stats({ outcome, result }: { outcome: Outcome; result: QueryResult }) {
  const series = Array.isArray(result.result) && (result.resultType === "vector" || result.resultType === "matrix") ? result.result.length : null;
  const { timings, samples } = result.stats ?? {};
  const server = timings?.execTotalTime ?? timings?.evalTotalTime;
  const parts = [
    series === null ? null : `${formatCount(series)} series`,
    formatMillis(outcome.tookMs),
    server === undefined ? null : `${formatMillis(server * 1000)} in the server`,
    samples?.totalQueryableSamples === undefined ? null : `${formatCount(samples.totalQueryableSamples)} samples read`,
    samples?.peakSamples === undefined ? null : `${formatCount(samples.peakSamples)} at most at once`,
    outcome.tab === "graph" ? `step ${formatDuration(outcome.range.step)}` : null,
  ];
  return <p class="stats">{parts.filter((part) => part !== null).join(" \u00b7 ")}</p>;
}

// One run of an expression: its answer, or why there is none, and how it can be given up.

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiFailure, type Answer, api, type QueryResult } from "./api";
import type { Tab } from "./link";
import type { Range } from "./range";

export interface Outcome {
  expr: string;
  tab: Tab;
  range: Range;
  /** Milliseconds from asking to the whole answer. */
  tookMs: number;
  answer: Answer<QueryResult> | null;
  error: ApiFailure | null;
}

export interface Run {
  outcome: Outcome | null;
  running: boolean;
  cancel: () => void;
}

interface Wanted {
  expr: string;
  tab: Tab;
  range: Range | null;
  traced: boolean;
  on: boolean;
  /** Asks again, though nothing else changed. */
  turn: number;
}

/** Runs an expression whenever what is wanted changes. The last outcome stays until the next is there. */
export function useRun({ expr, tab, range, traced, on, turn }: Wanted): Run {
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [running, setRunning] = useState(false);
  const abort = useRef<AbortController | null>(null);
  const { start, end, step } = range ?? { start: 0, end: 0, step: 0 };
  const wanted = range !== null && on && expr.trim() !== "";

  useEffect(() => {
    abort.current?.abort();
    if (!wanted || range === null) {
      setOutcome(null);
      setRunning(false);
      return undefined;
    }
    const own = new AbortController();
    abort.current = own;
    const began = performance.now();
    const extra = traced ? { trace: 1 } : {};
    const call = tab === "graph" ? api.queryRange(expr, range, extra, own.signal) : api.query(expr, range.end, extra, own.signal);
    const done = (answer: Answer<QueryResult> | null, error: ApiFailure | null) => {
      if (abort.current === own) {
        setOutcome({ expr, tab, range, tookMs: performance.now() - began, answer, error });
        setRunning(false);
      }
    };
    setRunning(true);
    call.then(
      (answer) => done(answer, null),
      (error: unknown) => {
        if (own.signal.aborted) {
          done(null, new ApiFailure("cancelled", 0, "cancelled"));
        } else {
          done(null, error instanceof ApiFailure ? error : new ApiFailure(String(error), 0, "page"));
        }
      },
    );
    return () => {
      if (abort.current === own) {
        abort.current = null;
      }
      own.abort();
    };
  }, [expr, tab, start, end, step, traced, wanted, turn]);

  return { outcome, running, cancel: () => abort.current?.abort() };
}

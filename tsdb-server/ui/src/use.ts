// Hooks that several views need.

import { useCallback, useEffect, useState } from "preact/hooks";

export interface Loaded<T> {
  data: T | null;
  error: Error | null;
  loading: boolean;
  reload: () => void;
}

/** What a call answers, asked again when `what` changes and, with `everyMs`, from time to time while the page is looked at. */
export function useLoaded<T>(call: () => Promise<T>, what: readonly unknown[], everyMs?: number): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, "reload">>({ data: null, error: null, loading: true });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    setState((before) => ({ ...before, loading: true }));
    call().then(
      (data) => current && setState({ data, error: null, loading: false }),
      (error) => current && setState({ data: null, error: error as Error, loading: false }),
    );
    return () => {
      current = false;
    };
  }, [...what, turn]);
  useEffect(() => {
    if (everyMs === undefined) {
      return undefined;
    }
    const timer = setInterval(() => document.hidden || setTurn((before) => before + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return { ...state, reload: useCallback(() => setTurn((before) => before + 1), []) };
}

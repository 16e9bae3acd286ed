// The range of time that all expressions share, its step, and how often they are run again.

import { useEffect, useState } from "preact/hooks";
import { changeRange, describeRange, formatTime, type Range, type TypedRange } from "../range";

const PRESETS = ["5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "30d", "90d", "1y"];
export const REFRESHES: [seconds: number, text: string][] = [
  [0, "No refresh"],
  [5, "Every 5s"],
  [15, "Every 15s"],
  [60, "Every 1m"],
];

interface Props {
  typed: TypedRange;
  step: string;
  range: Range | null;
  problem: string | null;
  utc: boolean;
  refresh: number;
  onChange: (typed: TypedRange, step: string) => void;
  onUtc: (utc: boolean) => void;
  onRefresh: (seconds: number) => void;
}

export function TimeControls({ typed, step, range, problem, utc, refresh, onChange, onUtc, onRefresh }: Props) {
  const [from, setFrom] = useState(typed.from);
  const [to, setTo] = useState(typed.to);
  const [width, setWidth] = useState(step);
  useEffect(() => {
    setFrom(typed.from);
    setTo(typed.to);
    setWidth(step);
  }, [typed.from, typed.to, step]);
  const apply = () => onChange({ from, to }, width);
  const preset = PRESETS.find((last) => typed.to === "now" && typed.from === `now-${last}`);
  const move = (how: "back" | "forward" | "wider") => range !== null && onChange(changeRange(range, how, utc), step);
  const field = (label: string, value: string, set: (text: string) => void, hint: string) => (
    <label class="field">
      <span>{label}</span>
      <input
        value={value}
        placeholder={hint}
        aria-invalid={problem !== null}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => set(event.currentTarget.value)}
        onBlur={apply}
        onKeyDown={(event) => event.key === "Enter" && apply()}
      />
    </label>
  );
  return (
    <div class="time" role="group" aria-label="Time range">
      <label class="field">
        <span>Range</span>
        <select
          value={preset ?? ""}
          onChange={(event) => event.currentTarget.value !== "" && onChange({ from: `now-${event.currentTarget.value}`, to: "now" }, step)}
        >
          {preset === undefined && <option value="">{describeRange(typed).slice(0, 24)}</option>}
          {PRESETS.map((last) => (
            <option value={last}>Last {last}</option>
          ))}
        </select>
      </label>
      {field("From", from, setFrom, "now-1h or 2026-01-31 12:00")}
      {field("To", to, setTo, "now")}
      <div class="field narrow">{field("Step", width, setWidth, "auto")}</div>
      <div class="buttons">
        <button aria-label="Earlier" title="Earlier" onClick={() => move("back")}>
          {"\u2190"}
        </button>
        <button aria-label="Wider range" title="Wider range" onClick={() => move("wider")}>
          {"\u2194"}
        </button>
        <button aria-label="Later" title="Later" onClick={() => move("forward")}>
          {"\u2192"}
        </button>
        <button title="End the range now" onClick={() => range !== null && onChange({ from: `now-${Math.round(range.end - range.start) || 1}s`, to: "now" }, step)}>
          Now
        </button>
      </div>
      <label class="field">
        <span>Refresh</span>
        <select value={String(refresh)} onChange={(event) => onRefresh(Number(event.currentTarget.value))}>
          {REFRESHES.map(([seconds, text]) => (
            <option value={String(seconds)}>{text}</option>
          ))}
        </select>
      </label>
      <label class="check" title={range === null ? "" : `${formatTime(range.start, true)} to ${formatTime(range.end, true)} UTC`}>
        <input type="checkbox" checked={utc} onChange={(event) => onUtc(event.currentTarget.checked)} />
        UTC
      </label>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

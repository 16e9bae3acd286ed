// Ranges of time: what is typed, what that is at a moment, and the step between points.

import { formatDuration, parseDuration } from "./duration";

/** A range as typed: `now-1h` to `now`, dates, or seconds since the epoch. */
export interface TypedRange {
  from: string;
  to: string;
}

/** A range of seconds since the epoch with the step of its points. */
export interface Range {
  start: number;
  end: number;
  step: number;
}

/** More points than this of one series are refused by Prometheus and by this server. */
export const POINTS_MAX = 11_000;

const NICE_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];

const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?(Z|[+-]\d{2}:\d{2})?$/i;

/** Seconds since the epoch of a typed time; null when it is none. Dates without a zone are of the zone shown. */
export function parseTime(text: string, now: number, utc: boolean): number | null {
  const trimmed = text.trim();
  if (trimmed === "now") {
    return now;
  }
  const relative = /^now\s*([+-])\s*(\S+)$/.exec(trimmed);
  if (relative !== null) {
    const seconds = parseDuration(relative[2] ?? "");
    return seconds === null ? null : relative[1] === "-" ? now - seconds : now + seconds;
  }
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) {
    const number = Number(trimmed);
    // So late a second is a millisecond.
    return Math.abs(number) > 1e11 ? number / 1000 : number;
  }
  return parseDate(trimmed, utc);
}

function parseDate(text: string, utc: boolean): number | null {
  const found = DATE.exec(text);
  if (found === null) {
    return null;
  }
  const [, year, month, day, hour = "00", minute = "00", second = "00", zone = utc ? "Z" : ""] = found;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** A time that `parseTime` reads back, to the second or, where it has them, milliseconds. */
export function formatTime(seconds: number, utc: boolean): string {
  const date = new Date(Math.round(seconds * 1000));
  if (Number.isNaN(date.getTime())) {
    return String(seconds);
  }
  const pad = (value: number, width = 2) => String(value).padStart(width, "0");
  const [year, month, day, hour, minute, second, ms] = utc
    ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCMilliseconds()]
    : [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds(), date.getMilliseconds()];
  const fraction = ms === 0 ? "" : `.${pad(ms, 3)}`;
  return `${pad(year, 4)}-${pad(month + 1)}-${pad(day)} ${pad(hour)}:${pad(minute)}:${pad(second)}${fraction}`;
}

/** The step for about so many points, one that people would choose. */
export function autoStep(seconds: number, points: number): number {
  const least = seconds / Math.max(points, 1);
  return NICE_STEPS.find((step) => step >= least) ?? Math.ceil(least / 604_800) * 604_800;
}

/** The range at a moment, or why there is none. Points lie on multiples of the step, so that the next look shows the same ones. */
export function resolveRange(
  typed: TypedRange,
  step: string,
  at: { now: number; utc: boolean; points: number },
): Range | string {
  const start = parseTime(typed.from, at.now, at.utc);
  const end = parseTime(typed.to, at.now, at.utc);
  if (start === null || end === null) {
    return `${start === null ? "start" : "end"} is no time: write now-1h, 2026-01-31 12:00 or seconds since the epoch`;
  }
  if (start >= end) {
    return "the start is not before the end";
  }
  const own = step.trim() === "" ? null : parseDuration(step);
  if (step.trim() !== "" && (own === null || own <= 0)) {
    return "the step is no duration: write 15s or 1m30s, or leave it empty";
  }
  const width = own ?? autoStep(end - start, at.points);
  if ((end - start) / width > POINTS_MAX) {
    const least = formatDuration(Math.ceil((end - start) / POINTS_MAX));
    return `a step of ${formatDuration(width)} makes more than ${POINTS_MAX} points: take ${least} or more`;
  }
  return { start: onGrid(start, width), end: onGrid(end, width), step: width };
}

function onGrid(seconds: number, step: number): number {
  return Math.round(Math.floor(seconds / step + 1e-9) * step * 1000) / 1000;
}

/** What a range is called: `Last 1h`, or both its ends. */
export function describeRange(typed: TypedRange): string {
  const last = /^now-(\S+)$/.exec(typed.from.trim());
  return last !== null && typed.to.trim() === "now" ? `Last ${last[1]}` : `${typed.from} to ${typed.to}`;
}

/** The range moved by a part of its width, or made wider around its middle. */
export function changeRange(range: { start: number; end: number }, how: "back" | "forward" | "wider", utc: boolean): TypedRange {
  const width = range.end - range.start;
  const [start, end] = {
    back: [range.start - width / 2, range.end - width / 2],
    forward: [range.start + width / 2, range.end + width / 2],
    wider: [range.start - width / 2, range.end + width / 2],
  }[how] as [number, number];
  return { from: formatTime(Math.round(start), utc), to: formatTime(Math.round(end), utc) };
}

// Durations as Prometheus writes them: `1h30m`, `15s`, `250ms`.

const UNITS: [unit: string, ms: number][] = [
  ["y", 365 * 86_400_000],
  ["w", 7 * 86_400_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Seconds of a duration, or of a plain number of seconds; null when it is neither or nothing at all. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    return Number(trimmed);
  }
  const found = DURATION.exec(trimmed);
  if (trimmed === "" || found === null) {
    return null;
  }
  const ms = UNITS.reduce((sum, [, unit], at) => sum + Number(found[at + 1] ?? 0) * unit, 0);
  return ms / 1000;
}

/** The shortest writing of so many seconds that `parseDuration` reads back, to the millisecond. */
export function formatDuration(seconds: number): string {
  let ms = Math.round(seconds * 1000);
  if (!Number.isFinite(ms) || ms <= 0) {
    return "0s";
  }
  let text = "";
  for (const [unit, size] of UNITS) {
    // Weeks and years only where nothing is left over: `10d` is easier to read than `1w3d`.
    if ((unit === "y" || unit === "w") && ms % size !== 0) {
      continue;
    }
    const count = Math.floor(ms / size);
    if (count > 0) {
      text += `${count}${unit}`;
      ms -= count * size;
    }
  }
  return text;
}

/** A measured time in a unit that fits: `640 µs`, `12.3 ms`, `4.56 s`, `3m20s`. */
export function formatMillis(ms: number): string {
  if (!Number.isFinite(ms)) {
    return "-";
  }
  if (ms === 0) {
    return "0 ms";
  }
  if (ms < 1) {
    return `${trim(ms * 1000)} \u00b5s`;
  }
  if (ms < 1000) {
    return `${trim(ms)} ms`;
  }
  if (ms < 60_000) {
    return `${trim(ms / 1000)} s`;
  }
  return formatDuration(Math.round(ms / 1000));
}

function trim(value: number): string {
  return String(Number(value.toPrecision(3)));
}

// Numbers as people read them.

const LARGE: [size: number, sign: string][] = [
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** A few digits and a sign for thousands: `1.23k`, `45M`; what is too large or small for it as a power of ten. */
export function formatShort(value: number): string {
  const size = Math.abs(value);
  if (Number.isNaN(value)) {
    return "NaN";
  }
  if (!Number.isFinite(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  if (size >= 1e18 || (size !== 0 && size < 1e-6)) {
    return value.toExponential(2).replace(/\.?0+e/, "e");
  }
  // What rounds to a thousand is the next unit's one.
  const unit = LARGE.find(([from]) => Number(size.toPrecision(4)) >= from);
  return unit === undefined
    ? String(Number(value.toPrecision(4)))
    : `${Number((value / unit[0]).toPrecision(4))}${unit[1]}`;
}

/** Labels of an axis: all with the digits that tell neighbours apart. */
export function formatAxis(value: number, step: number): string {
  const size = Math.abs(value);
  if (value === 0) {
    return "0";
  }
  if (size >= 1e18 || size < 1e-6) {
    return value.toExponential(2).replace(/\.?0+e/, "e");
  }
  const [scale, sign] = LARGE.find(([from]) => size >= from) ?? [1, ""];
  // As many digits as the step has: 0.25 needs two.
  let digits = 0;
  for (let width = step / scale; digits < 9 && Math.abs(width - Math.round(width)) > 1e-6 * width; width *= 10) {
    digits += 1;
  }
  return `${(value / scale).toFixed(digits)}${sign}`;
}

/** A whole number with its thousands apart: `12 345`. */
export function formatCount(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u2009") : "-";
}

/** Bytes in units of 1024. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = bytes;
  let at = 0;
  while (Math.abs(size) >= 1024 && at < units.length - 1) {
    size /= 1024;
    at += 1;
  }
  return `${Number(size.toPrecision(4))} ${units[at]}`;
}

/** A sample's value as the API writes it. */
export function parseSample(text: string): number {
  switch (text) {
    case "+Inf":
    case "Inf":
      return Infinity;
    case "-Inf":
      return -Infinity;
    default:
      return Number(text);
  }
}

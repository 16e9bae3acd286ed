// Results of range queries as columns on a grid of times, which is what graphs are drawn of.

import { parseSample } from "./number";
import type { MatrixSeries } from "./api";
import { formatLabels, type Labels } from "./labels";
import type { Range } from "./range";

export interface Line {
  /** Which expression it is of; empty where there is one alone. */
  panel: string;
  labels: Labels;
  name: string;
  /** A value, or null for none, at each time of the grid. */
  values: (number | null)[];
}

export function gridTimes({ start, end, step }: Range): number[] {
  const count = Math.floor((end - start) / step + 1e-6) + 1;
  return Array.from({ length: count }, (_, at) => Math.round((start + at * step) * 1000) / 1000);
}

/** The series that have numbers, on the grid; infinite values have no place in a graph. */
export function linesOf(series: MatrixSeries[], range: Range, panel: string, expr: string): Line[] {
  const count = gridTimes(range).length;
  return series.flatMap(({ metric, values }) => {
    if (values === undefined || values.length === 0) {
      return [];
    }
    const column: (number | null)[] = new Array(count).fill(null);
    for (const [time, text] of values) {
      const at = Math.round((time - range.start) / range.step);
      const value = parseSample(text);
      if (at >= 0 && at < count && Number.isFinite(value)) {
        column[at] = value;
      }
    }
    // What has no label is called as it was asked for.
    const name = Object.keys(metric).length === 0 ? expr.trim() || "{}" : formatLabels(metric);
    return [{ panel, labels: metric, name, values: column }];
  });
}

/** Each line on top of those before it. A line that is missing somewhere counts as nothing there. */
export function stack(lines: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const sums: number[] = [];
  return lines.map((values) =>
    values.map((value, at) => {
      sums[at] = (sums[at] ?? 0) + (value ?? 0);
      return value === null ? null : sums[at];
    }),
  );
}

/** The label of each line that tells it from the others: labels that all have alike are left out. */
export function shortNames(lines: readonly Line[]): string[] {
  const first = lines[0];
  if (first === undefined || lines.length === 1) {
    return lines.map((line) => line.name);
  }
  const shared = Object.keys(first.labels).filter((label) =>
    lines.every((line) => line.labels[label] === first.labels[label]),
  );
  return lines.map((line) => {
    const left = Object.fromEntries(Object.entries(line.labels).filter(([label]) => !shared.includes(label)));
    return Object.keys(left).length === 0 ? line.name : formatLabels(left);
  });
}

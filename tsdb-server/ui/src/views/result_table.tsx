// Results as a table: vectors, matrices, scalars and strings; native histograms with their buckets.

import { useState } from "preact/hooks";
import type { Bucket, Histogram, QueryResult, Sample } from "../api";
import { formatLabels, type Labels } from "../labels";
import { formatCount, parseSample } from "../number";
import { formatTime } from "../range";

const ROWS_MAX = 500;
/** Of so many rows at most the buckets are there to see at once. */
const OPEN_MAX = 5;
/** Of a matrix this many samples of each series, the newest. */
const SAMPLES_MAX = 200;

interface Row {
  labels: Labels | null;
  samples: { time: number; value: string | Histogram }[];
  matrix: boolean;
}

function rowsOf(result: QueryResult): Row[] {
  const sample = ([time, value]: [number, string | Histogram]) => ({ time, value });
  switch (result.resultType) {
    case "vector":
      return result.result.map(({ metric, value, histogram }) => ({
        labels: metric,
        matrix: false,
        samples: [...(value ? [value] : []), ...(histogram ? [histogram] : [])].map(sample),
      }));
    case "matrix":
      return result.result.map(({ metric, values = [], histograms = [] }) => ({
        labels: metric,
        matrix: true,
        samples: [...values, ...histograms].sort(([one], [other]) => one - other).map(sample),
      }));
    default:
      return [{ labels: null, matrix: false, samples: [sample(result.result as Sample)] }];
  }
}

export function ResultTable({ result, utc, onPick }: { result: QueryResult; utc: boolean; onPick: (expr: string) => void }) {
  const [everything, setEverything] = useState(false);
  const [down, setDown] = useState<boolean | null>(null);
  const rows = rowsOf(result);
  if (rows.length === 0) {
    return <p class="empty">The result is empty.</p>;
  }
  const numberOf = (row: Row) => {
    const value = row.samples.at(-1)?.value;
    return parseSample(typeof value === "string" ? value : (value?.count ?? "NaN"));
  };
  const sorted = down === null ? rows : [...rows].sort((one, other) => (numberOf(one) - numberOf(other)) * (down ? -1 : 1));
  const shown = everything ? sorted : sorted.slice(0, ROWS_MAX);
  const order = down === null ? "none" : down ? "descending" : "ascending";
  return (
    <>
      <div class="scroll">
        <table class="result" aria-label="Result">
          <thead>
            <tr>
              <th scope="col">Series</th>
              <th scope="col" class="number" aria-sort={order}>
                <button class="link" onClick={() => setDown(down === null ? true : down ? false : null)}>
                  Value{down === null ? "" : down ? " \u2193" : " \u2191"}
                </button>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr>
                <td class="labels">{row.labels === null ? result.resultType : <Name labels={row.labels} onPick={onPick} />}</td>
                <td class="number">
                  <Samples row={row} utc={utc} open={rows.length <= OPEN_MAX} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > shown.length && (
        <p class="note">
          {shown.length} of {rows.length} rows. <button class="link" onClick={() => setEverything(true)}>Show all</button>
        </p>
      )}
    </>
  );
}

function Name({ labels, onPick }: { labels: Labels; onPick: (expr: string) => void }) {
  const text = formatLabels(labels);
  return text === "{}" ? (
    <code>{"{}"}</code>
  ) : (
    <button class="link" title="Query this series" onClick={() => onPick(text)}>
      <code>{text}</code>
    </button>
  );
}

function Samples({ row, utc, open }: { row: Row; utc: boolean; open: boolean }) {
  const shown = row.samples.slice(-SAMPLES_MAX);
  return (
    <>
      {row.samples.length > shown.length && <div class="note">the newest {shown.length} of {row.samples.length} samples</div>}
      {shown.map(({ time, value }) => (
        <div class="sample">
          {typeof value === "string" ? <span>{value}</span> : <Buckets histogram={value} open={open} />}
          {row.matrix && <span class="when">@ {formatTime(time, utc)}</span>}
        </div>
      ))}
    </>
  );
}

const BOUNDS = ["(]", "[)", "()", "[]"];

export function bucketText([bounds, lower, upper]: Bucket): string {
  const [open, close] = BOUNDS[bounds] ?? "()";
  return `${open}${lower}, ${upper}${close}`;
}

function Buckets({ histogram, open }: { histogram: Histogram; open: boolean }) {
  const buckets = histogram.buckets ?? [];
  const most = Math.max(...buckets.map(([, , , count]) => parseSample(count)), Number.MIN_VALUE);
  return (
    <details class="histogram" open={open}>
      <summary>
        count {histogram.count}, sum {histogram.sum}
      </summary>
      <table aria-label="Buckets">
        <tbody>
          {buckets.map((bucket) => (
            <tr>
              <td class="number">{bucketText(bucket)}</td>
              <td class="number">{Number.isInteger(Number(bucket[3])) ? formatCount(Number(bucket[3])) : bucket[3]}</td>
              <td class="bar">
                <span style={{ width: `${(100 * parseSample(bucket[3])) / most}%` }} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

// The server's API, typed. Addresses are relative to the page, so a prefix before it does no harm.

import type { Labels } from "./labels";
import type { TraceNode } from "./trace";

export type Sample = [seconds: number, value: string];
export type Bucket = [bounds: number, lower: string, upper: string, count: string];
export interface Histogram {
  count: string;
  sum: string;
  buckets?: Bucket[];
}
export type HistogramSample = [seconds: number, histogram: Histogram];

export interface VectorSeries {
  metric: Labels;
  value?: Sample;
  histogram?: HistogramSample;
}
export interface MatrixSeries {
  metric: Labels;
  values?: Sample[];
  histograms?: HistogramSample[];
}

export interface QueryStats {
  timings?: Record<string, number>;
  samples?: { totalQueryableSamples?: number; peakSamples?: number };
}

export type QueryResult = (
  | { resultType: "vector"; result: VectorSeries[] }
  | { resultType: "matrix"; result: MatrixSeries[] }
  | { resultType: "scalar" | "string"; result: Sample }
) & { stats?: QueryStats; trace?: TraceNode };

export interface Counted {
  name: string;
  value: number;
}
export interface TsdbStatus {
  headStats?: Record<string, number>;
  seriesCountByMetricName?: Counted[];
  labelValueCountByLabelName?: Counted[];
  memoryInBytesByLabelName?: Counted[];
  seriesCountByLabelValuePair?: Counted[];
}

export interface RunningQuery {
  id: string | number;
  query: string;
  tenant?: string | null;
  start: number | string;
  duration_ms: number;
  series: number;
  samples: number;
}
export interface SlowQuery {
  query: string;
  duration_ms: number;
  series: number;
  samples: number;
  at: number | string;
  error?: string | null;
}
export interface TopQuery {
  query: string;
  count: number;
  total_ms: number;
  avg_ms: number;
  samples: number;
}
export interface QueriesStatus {
  running?: RunningQuery[];
  slow?: SlowQuery[];
  top?: TopQuery[];
}

export interface ClusterNode {
  id: string;
  endpoint: string;
  isolationGroup: string;
  zone: string;
  weight: number;
  leaving: boolean;
  reachable: boolean;
  error: string | null;
  shards: { initializing: number; available: number; leaving: number };
  divergence: Record<string, number>;
  hints: Record<string, number>;
  moves: { shard: number; copiedSeries: number; copiedSamples: number }[];
  rounds: number;
  writeQueue?: { requests: number; requestsMax: number; bytes: number; bytesMax: number } | null;
  circuits?: { writes: string; calls: string } | null;
}
export interface ClusterShard {
  id: number;
  epoch: number;
  inChange: boolean;
  members: { node: string; state: string; source: string | null }[];
  missing: string[];
  withoutMajority: boolean;
}
export interface Cluster {
  placementVersion: number;
  replicas: number;
  nodes: ClusterNode[];
  shards: ClusterShard[];
  totals: Record<string, number>;
}

export type Metadata = Record<string, { type: string; help: string; unit: string }[]>;

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
}

/** What the server, or the way to it, said instead of an answer. */
export class ApiFailure extends Error {
  constructor(
    message: string,
    /** HTTP's status; 0 where there was no answer. */
    readonly status: number,
    /** The kind that the API names, such as `bad_data`. */
    readonly kind: string,
  ) {
    super(message);
  }
}

export type Parameters = Record<string, string | number | string[] | undefined>;

/** The address that the paths of the API are below, without a slash at its end. */
export function base(): string {
  return new URL(".", document.baseURI).href.replace(/\/$/, "");
}

export interface Ask {
  signal?: AbortSignal;
  method?: "GET" | "POST";
}

async function request<T>(path: string, parameters: Parameters = {}, { signal, method = "GET" }: Ask = {}): Promise<Answer<T>> {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value]) {
      form.append(name, String(one));
    }
  }
  const query = form.toString();
  const address = `${base()}/api/v1/${path}`;
  let response: Response;
  try {
    response =
      method === "POST"
        ? await fetch(address, { method, body: form, signal: signal ?? null })
        : await fetch(query === "" ? address : `${address}?${query}`, { signal: signal ?? null });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      throw error;
    }
    throw new ApiFailure("the server does not answer", 0, "unreachable");
  }
  const text = await response.text();
  let body: { status?: string; data?: T; error?: string; errorType?: string; warnings?: string[]; infos?: string[] };
  try {
    body = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new ApiFailure(text.trim().slice(0, 300) || `HTTP status ${response.status}`, response.status, "");
  }
  if (!response.ok || body.status === "error") {
    throw new ApiFailure(body.error ?? `HTTP status ${response.status}`, response.status, body.errorType ?? "");
  }
  return { data: body.data as T, warnings: body.warnings ?? [], infos: body.infos ?? [] };
}

async function data<T>(path: string, parameters?: Parameters, ask?: Ask): Promise<T> {
  return (await request<T>(path, parameters, ask)).data;
}

const POST = (signal: AbortSignal): Ask => ({ signal, method: "POST" });

export const api = {
  query: (query: string, time: number, extra: Parameters, signal: AbortSignal) =>
    request<QueryResult>("query", { query, time, stats: "true", ...extra }, POST(signal)),
  queryRange: (query: string, range: { start: number; end: number; step: number }, extra: Parameters, signal: AbortSignal) =>
    request<QueryResult>("query_range", { query, ...range, stats: "true", ...extra }, POST(signal)),
  labels: (match: string, start: number, signal?: AbortSignal) =>
    data<string[]>("labels", { "match[]": match, start }, signal ? { signal } : {}),
  labelValues: (name: string, match: string, start: number, signal?: AbortSignal) =>
    data<string[]>(`label/${encodeURIComponent(name)}/values`, { "match[]": match, start }, signal ? { signal } : {}),
  metadata: (metric: string) => data<Metadata>("metadata", { metric }),
  tsdb: (limit: number) => data<TsdbStatus>("status/tsdb", { limit }),
  queries: () => data<QueriesStatus>("status/queries"),
  cancelQuery: (id: string | number) =>
    data<unknown>(`status/queries/${encodeURIComponent(String(id))}/cancel`, {}, { method: "POST" }),
  cluster: () => data<Cluster>("cluster"),
  status: (what: "buildinfo" | "runtimeinfo" | "flags") => data<Record<string, unknown>>(`status/${what}`),
  config: () => data<{ yaml?: string }>("status/config"),
};

/** A time of the API, in seconds, milliseconds or RFC 3339, as seconds. */
export function apiTime(time: number | string): number {
  const number = typeof time === "number" ? time : Number(time);
  if (Number.isNaN(number)) {
    return Date.parse(String(time)) / 1000;
  }
  return number > 1e11 ? number / 1000 : number;
}

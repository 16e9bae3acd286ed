// Answers to look at views with, in the shapes of docs/server.md and docs/cluster.md.

export const trace = {
  name: "query", detail: "sum by (instance) (rate(node_cpu_seconds_total[5m]))", duration_ms: 184.2, series: 48, samples: 46_080,
  children: [
    {
      name: "sum", detail: "sum by (instance) (rate(node_cpu_seconds_total[5m]))", duration_ms: 182.7, series: 3, samples: 2133,
      children: [
        {
          name: "rate", detail: "rate(node_cpu_seconds_total[5m])", duration_ms: 160.1, series: 48, samples: 34_128,
          children: [{ name: "selector", detail: '{__name__="node_cpu_seconds_total"} from 2026-11-30T08:59:45.001Z to 2026-11-30T09:05:00.000Z', duration_ms: 121.7, series: 48, samples: 46_080, children: [] }],
        },
      ],
    },
  ],
};

const now = Date.now() / 1000;
const queries = {
  running: [
    { id: 17, query: 'topk(10, sum by (pod) (rate(container_cpu_usage_seconds_total{namespace="shop"}[5m])))', tenant: "team-a", start: now - 4, duration_ms: 4120, series: 18_220, samples: 2_211_000 },
    { id: 18, query: "up", tenant: null, start: now, duration_ms: 3, series: 40, samples: 40 },
  ],
  slow: [
    { query: 'count({__name__=~".+"})', duration_ms: 11_820, series: 812_000, samples: 812_000, at: now - 300, error: null },
    { query: "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[1d])))", duration_ms: 6400, series: 4200, samples: 9_120_000, at: now - 4000, error: "query timed out in expression evaluation" },
  ],
  top: [
    { query: "sum(rate(http_requests_total[5m])) by (code)", count: 8123, total_ms: 412_000, avg_ms: 50.7, samples: 91_200_000 },
    { query: "up == 0", count: 20_400, total_ms: 20_100, avg_ms: 0.98, samples: 812_000 },
  ],
};

const node = (id, more = {}) => ({
  id, endpoint: `10.0.0.${id.slice(1)}:9001`, isolationGroup: `rack-${id.slice(1)}`, zone: "embedded", weight: 100, leaving: false,
  incarnation: `f00d${id}`, reachable: true, error: null, shards: { initializing: 0, available: 64, leaving: 0 }, deletesApplied: {},
  divergence: {}, hints: {}, moves: [], rounds: 41, writeQueue: { requests: 0, requestsMax: 1024, bytes: 0, bytesMax: 67_108_864 },
  circuits: { writes: "closed", calls: "closed" }, ...more,
});
const member = (name, state = "AVAILABLE", source = null) => ({ node: name, state, source });
const shards = Array.from({ length: 64 }, (_, id) => ({
  id, epoch: 3, inChange: id > 55, members: [member("n1"), member("n2", id > 55 ? "LEAVING" : "AVAILABLE"), member("n3"), ...(id > 55 ? [member("n4", "INITIALIZING", "n2")] : [])],
  missing: id % 9 === 4 ? ["n3"] : [], withoutMajority: id === 22,
}));
const cluster = {
  placementVersion: 12, replicas: 3, shards,
  nodes: [
    node("n1", { hints: { n3: 12 }, divergence: { n2: 2 } }),
    node("n2", { shards: { initializing: 0, available: 56, leaving: 8 } }),
    node("n3", { reachable: false, error: "connection refused (os error 111)", circuits: { writes: "open", calls: "half_open" }, writeQueue: { requests: 212, requestsMax: 1024, bytes: 4_200_000, bytesMax: 67_108_864 } }),
    node("n4", { shards: { initializing: 8, available: 0, leaving: 0 }, moves: [{ shard: 57, copiedSeries: 1200, copiedSamples: 812_000 }], rounds: 0 }),
  ],
  totals: { nodes: 4, nodesReachable: 3, shards: 64, shardsInChange: 8, shardsWithMissing: 7, shardsWithoutMajority: 1, divergence: 2, hints: 12, moves: 1 },
};

export const answers = { "/api/v1/status/queries": queries, "/api/v1/cluster": cluster };

/** What the expression `native` answers. */
export const histogram = {
  resultType: "vector",
  result: [
    {
      metric: { __name__: "http_request_duration_seconds", instance: "a", job: "shop" },
      histogram: [now, { count: "4312", sum: "612.5", buckets: [[3, "-0.001", "0.001", "12"], [0, "0.0625", "0.088", "811"], [0, "0.088", "0.125", "2102"], [0, "0.125", "0.177", "1204"], [0, "0.177", "0.25", "183"]] }],
    },
    { metric: { __name__: "http_request_duration_seconds", instance: "b", job: "shop" }, histogram: [now, { count: "0.5", sum: "0.2", buckets: [[0, "0.25", "0.354", "0.5"]] }] },
  ],
};

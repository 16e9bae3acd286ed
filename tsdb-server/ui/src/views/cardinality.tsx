// Where series come from: metrics, labels and values with the most, and each metric's labels.

import { useEffect, useState } from "preact/hooks";
import { api, type Counted, type VectorSeries } from "../api";
import { quote } from "../labels";
import { joinHash, queryLink } from "../link";
import { formatBytes, formatCount, parseSample } from "../number";
import { useLoaded } from "../use";
import { Failure, Heading, Table } from "./parts";

const LIMITS = [10, 20, 50, 100, 500];
/** Labels of a metric are counted over the last day. */
const LOOKBACK_SECONDS = 86_400;
const VALUES_MAX = 200;

/** A link to the drill into a metric, and one of its labels. */
function drillLink(metric?: string, label?: string): string {
  const parameters = new URLSearchParams();
  if (metric !== undefined) {
    parameters.set("metric", metric);
  }
  if (label !== undefined) {
    parameters.set("label", label);
  }
  return joinHash("cardinality", parameters);
}

function metricSelector(metric: string): string {
  return `{__name__=${quote(metric)}}`;
}

export function Cardinality({ parameters }: { parameters: URLSearchParams }) {
  const metric = parameters.get("metric");
  const label = parameters.get("label");
  return metric === null ? <Overview /> : <Metric metric={metric} label={label} />;
}

const HEAD_NAMES: [field: string, name: string][] = [
  ["numSeries", "Series"],
  ["numLabelPairs", "Label pairs"],
  ["chunkCount", "Chunks"],
];

function Overview() {
  const [limit, setLimit] = useState(20);
  const [metric, setMetric] = useState("");
  const { data, error, loading } = useLoaded(() => api.tsdb(limit), [limit]);
  const head = data?.headStats ?? {};
  const series = head.numSeries;
  const go = (event: Event) => {
    event.preventDefault();
    if (metric.trim() !== "") {
      location.hash = drillLink(metric.trim());
    }
  };
  return (
    <>
      <Heading title="Cardinality" loading={loading}>
        <label class="field inline">
          <span>Rows</span>
          <select value={String(limit)} onChange={(event) => setLimit(Number(event.currentTarget.value))}>
            {LIMITS.map((rows) => (
              <option value={String(rows)}>{rows}</option>
            ))}
          </select>
        </label>
      </Heading>
      <form class="row" onSubmit={go}>
        <input aria-label="Metric" placeholder="Look into a metric by its name" value={metric} onInput={(event) => setMetric(event.currentTarget.value)} />
        <button>Look</button>
      </form>
      {error !== null && <Failure error={error} missing="This server does not count its series." />}
      {data !== null && (
        <>
          <dl class="tiles">
            {HEAD_NAMES.filter(([field]) => (head[field] ?? 0) > 0).map(([field, name]) => (
              <div>
                <dt>{name}</dt>
                <dd>{formatCount(head[field] ?? 0)}</dd>
              </div>
            ))}
          </dl>
          <div class="columns">
            <Counts title="Metrics with most series" unit="Series" whole={series} counted={data.seriesCountByMetricName} link={(name) => drillLink(name)} />
            <Counts title="Labels with most values" unit="Values" counted={data.labelValueCountByLabelName} />
            <Counts title="Pairs with most series" unit="Series" whole={series} counted={data.seriesCountByLabelValuePair} link={pairLink} />
            <Counts title="Labels with most memory" unit="Bytes" bytes counted={data.memoryInBytesByLabelName} />
          </div>
        </>
      )}
    </>
  );
}

function pairLink(pair: string): string {
  const at = pair.indexOf("=");
  const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
  return name === "__name__" ? drillLink(value) : queryLink(`count by (__name__) ({${name}=${quote(value)}})`, "table");
}

interface CountsProps {
  title: string;
  unit: string;
  counted: Counted[] | undefined;
  /** What all of them are parts of; the largest where there is none. */
  whole?: number | undefined;
  bytes?: boolean;
  link?: (name: string) => string;
}

function Counts({ title, unit, counted = [], whole, bytes = false, link }: CountsProps) {
  const most = whole ?? Math.max(...counted.map(({ value }) => value), 1);
  return (
    <section>
      <h2>{title}</h2>
      {counted.length === 0 ? (
        <p class="empty">None.</p>
      ) : (
        <Table label={title} head={["Name", [unit, "number"], ""]}>
          {counted.map(({ name, value }) => (
            <tr>
              <td class="labels">
                {link === undefined ? (
                  <code>{name}</code>
                ) : (
                  <a href={link(name)}>
                    <code>{name}</code>
                  </a>
                )}
              </td>
              <td class="number">{bytes ? formatBytes(value) : formatCount(value)}</td>
              <td class="bar" title={`${((100 * value) / most).toFixed(1)} %`}>
                <span style={{ width: `${Math.min(100, (100 * value) / most)}%` }} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

/** How many values each label of a metric has, as they come. */
function useLabelCounts(metric: string): { counts: Counted[] | null; error: Error | null; done: boolean } {
  const [state, setState] = useState<{ counts: Counted[] | null; error: Error | null; done: boolean }>({ counts: null, error: null, done: false });
  useEffect(() => {
    const abort = new AbortController();
    const start = Math.floor(Date.now() / 1000) - LOOKBACK_SECONDS;
    const look = async () => {
      const names = (await api.labels(metricSelector(metric), start, abort.signal)).filter((name) => name !== "__name__");
      const counts: Counted[] = [];
      setState({ counts: [], error: null, done: names.length === 0 });
      // A few at a time, so that the server has room for others.
      while (names.length > 0) {
        const values = await Promise.all(
          names.splice(0, 4).map(async (name) => ({
            name,
            value: (await api.labelValues(name, metricSelector(metric), start, abort.signal)).length,
          })),
        );
        counts.push(...values);
        counts.sort((one, other) => other.value - one.value || (one.name < other.name ? -1 : 1));
        setState({ counts: [...counts], error: null, done: names.length === 0 });
      }
    };
    setState({ counts: null, error: null, done: false });
    look().catch((error: Error) => abort.signal.aborted || setState({ counts: null, error, done: true }));
    return () => abort.abort();
  }, [metric]);
  return state;
}

function Metric({ metric, label }: { metric: string; label: string | null }) {
  const { counts, error, done } = useLabelCounts(metric);
  const metadata = useLoaded(() => api.metadata(metric), [metric]);
  const about = metadata.data?.[metric]?.[0];
  return (
    <>
      <Heading title="Cardinality" loading={!done}>
        <a class="button" href={queryLink(metric)}>
          Query the metric
        </a>
      </Heading>
      <nav class="crumbs" aria-label="Where">
        <a href={drillLink()}>All metrics</a>
        <span aria-hidden="true">/</span>
        {label === null ? <b>{metric}</b> : <a href={drillLink(metric)}>{metric}</a>}
        {label !== null && (
          <>
            <span aria-hidden="true">/</span>
            <b>{label}</b>
          </>
        )}
      </nav>
      <p class="note">{about === undefined ? "\u00a0" : `${about.type}: ${about.help}`}</p>
      {error !== null && <Failure error={error} />}
      <div class="columns">
        <section>
          <h2>Labels, by values in the last day</h2>
          {counts !== null && (
            <Table label={`Labels of ${metric}`} head={["Label", ["Values", "number"], ""]}>
              {counts.map(({ name, value }) => (
                <tr key={name} class={name === label ? "chosen" : ""}>
                  <td>
                    <a href={drillLink(metric, name)} aria-current={name === label}>
                      <code>{name}</code>
                    </a>
                  </td>
                  <td class="number">{formatCount(value)}</td>
                  <td class="bar">
                    <span style={{ width: `${(100 * value) / Math.max(counts[0]?.value ?? 1, 1)}%` }} />
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </section>
        {label !== null && <Values metric={metric} label={label} />}
      </div>
    </>
  );
}

/** The values of a label of a metric, with the series that each has now. */
function Values({ metric, label }: { metric: string; label: string }) {
  const name = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ? label : quote(label);
  const expr = `topk(${VALUES_MAX}, count by (${name}) (${metricSelector(metric)}))`;
  const { data, error } = useLoaded(async () => {
    const answer = await api.query(expr, Date.now() / 1000, {}, new AbortController().signal);
    const found = answer.data.resultType === "vector" ? (answer.data.result as VectorSeries[]) : [];
    return found.map((series) => ({ name: series.metric[label] ?? "", value: parseSample(series.value?.[1] ?? "0") }));
  }, [expr]);
  const most = Math.max(...(data ?? []).map(({ value }) => value), 1);
  return (
    <section>
      <h2>
        Values of {label}, by series now{data !== null && data.length >= VALUES_MAX ? ` (the first ${VALUES_MAX})` : ""}
      </h2>
      {error !== null && <Failure error={error} />}
      {data !== null && data.length === 0 && <p class="empty">No series of it has a sample now.</p>}
      {data !== null && data.length > 0 && (
        <Table label={`Values of ${label}`} head={["Value", ["Series", "number"], ""]}>
          {data.map((value) => (
            <tr>
              <td class="labels">
                <a href={queryLink(`{__name__=${quote(metric)}, ${name}=${quote(value.name)}}`)} title="Query these series">
                  <code>{value.name === "" ? "(none)" : value.name}</code>
                </a>
              </td>
              <td class="number">{formatCount(value.value)}</td>
              <td class="bar">
                <span style={{ width: `${(100 * value.value) / most}%` }} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

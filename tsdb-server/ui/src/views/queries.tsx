// Queries that run at this moment, those that took long, and those that cost most in all.

import { useState } from "preact/hooks";
import { api, apiTime } from "../api";
import { formatMillis } from "../duration";
import { queryLink } from "../link";
import { formatCount } from "../number";
import { formatTime } from "../range";
import { useLoaded } from "../use";
import { Failure, Heading, Notice, Table } from "./parts";

const EVERY_MS = 2000;

export function Queries() {
  const [paused, setPaused] = useState(false);
  const { data, error, loading, reload } = useLoaded(() => api.queries(), [], paused ? undefined : EVERY_MS);
  const [failed, setFailed] = useState<string | null>(null);
  const cancel = (id: string | number) =>
    api.cancelQuery(id).then(
      () => setFailed(null),
      (reason: Error) => setFailed(`query ${id} was not cancelled: ${reason.message}`),
    ).then(reload);
  const { running = [], slow = [], top = [] } = data ?? {};
  return (
    <>
      <Heading title="Queries" loading={loading && data === null}>
        <label class="check">
          <input type="checkbox" checked={!paused} onChange={(event) => setPaused(!event.currentTarget.checked)} />
          Live
        </label>
        <button onClick={reload}>Reload</button>
      </Heading>
      {error !== null && <Failure error={error} missing="This server does not list its queries." />}
      {failed !== null && <Notice kind="error">{failed}</Notice>}
      {data !== null && (
        <>
          <h2>Running</h2>
          {running.length === 0 ? (
            <p class="empty">No query is running.</p>
          ) : (
            <Table label="Running queries" head={["Query", ["For", "number"], "", ["Series", "number"], ["Samples", "number"], "Tenant"]}>
              {running.map((query) => (
                <tr key={query.id}>
                  <td class="labels"><QueryLink expr={query.query} /></td>
                  <td class="number">{formatMillis(query.duration_ms)}</td>
                  <td>
                    <button onClick={() => cancel(query.id)} aria-label={`Cancel ${query.query}`}>
                      Cancel
                    </button>
                  </td>
                  <td class="number">{formatCount(query.series)}</td>
                  <td class="number">{formatCount(query.samples)}</td>
                  <td>{query.tenant ?? ""}</td>
                </tr>
              ))}
            </Table>
          )}
          <h2>Slowest</h2>
          {slow.length === 0 ? (
            <p class="empty">No query took long.</p>
          ) : (
            <Table label="Slow queries" head={["Query", ["Took", "number"], ["Series", "number"], ["Samples", "number"], "At", "Error"]}>
              {slow.map((query) => (
                <tr>
                  <td class="labels"><QueryLink expr={query.query} /></td>
                  <td class="number">{formatMillis(query.duration_ms)}</td>
                  <td class="number">{formatCount(query.series)}</td>
                  <td class="number">{formatCount(query.samples)}</td>
                  <td class="when">{formatTime(Math.round(apiTime(query.at)), false)}</td>
                  <td class="bad">{query.error ?? ""}</td>
                </tr>
              ))}
            </Table>
          )}
          <h2>Most time in all</h2>
          {top.length === 0 ? (
            <p class="empty">No query was run yet.</p>
          ) : (
            <Table label="Queries by time" head={["Query", ["Runs", "number"], ["In all", "number"], ["Mean", "number"], ["Samples", "number"]]}>
              {top.map((query) => (
                <tr>
                  <td class="labels"><QueryLink expr={query.query} /></td>
                  <td class="number">{formatCount(query.count)}</td>
                  <td class="number">{formatMillis(query.total_ms)}</td>
                  <td class="number">{formatMillis(query.avg_ms)}</td>
                  <td class="number">{formatCount(query.samples)}</td>
                </tr>
              ))}
            </Table>
          )}
        </>
      )}
    </>
  );
}

export function QueryLink({ expr }: { expr: string }) {
  return (
    <a href={queryLink(expr)}>
      <code>{expr}</code>
    </a>
  );
}

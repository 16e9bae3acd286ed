// How the server was built, is set up and runs.

import { useState } from "preact/hooks";
import { api, base } from "../api";
import { useLoaded } from "../use";
import { Failure, Heading, Table } from "./parts";

type Facts = Record<string, unknown>;
type Said<T> = PromiseSettledResult<T>;

/** All of it before any is shown, so that nothing moves. */
function load(): Promise<[Said<Facts>, Said<Facts>, Said<Facts>, Said<{ yaml?: string }>]> {
  return Promise.allSettled([api.status("buildinfo"), api.status("runtimeinfo"), api.status("flags"), api.config()]);
}

export function Status() {
  const { data, loading } = useLoaded(load, []);
  return (
    <>
      <Heading title="Status" loading={loading}>
        <a class="button" href={`${base()}/api/v1/openapi`}>
          Routes of the API
        </a>
        <a class="button" href={`${base()}/assets/licences.md`}>
          Licences of this page
        </a>
      </Heading>
      {data !== null && (
        <>
          <div class="columns">
            <Part title="Build" said={data[0]} show={(facts) => <FactTable title="Build" facts={facts} />} />
            <Part title="Runtime" said={data[1]} show={(facts) => <FactTable title="Runtime" facts={facts} />} />
          </div>
          <Part title="Flags" said={data[2]} show={(facts) => <Flags facts={facts} />} />
          <Part title="Configuration" said={data[3]} show={({ yaml }) => <pre class="file">{yaml === undefined || yaml === "" ? "There is none." : yaml}</pre>} />
        </>
      )}
    </>
  );
}

function Part<T>({ title, said, show }: { title: string; said: Said<T>; show: (value: T) => preact.JSX.Element }) {
  return (
    <section>
      <h2>{title}</h2>
      {said.status === "fulfilled" ? show(said.value) : <Failure error={said.reason as Error} missing="This server does not say." />}
    </section>
  );
}

function text(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function FactTable({ title, facts, flags = false }: { title: string; facts: Facts; flags?: boolean }) {
  return (
    <Table label={title} head={[flags ? "Flag" : "Name", "Value"]}>
      {Object.entries(facts).map(([name, value]) => (
        <tr>
          <td>{flags ? <code>--{name.replace(/^-+/, "")}</code> : name}</td>
          <td class="labels">
            <code>{text(value)}</code>
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Flags({ facts }: { facts: Facts }) {
  const [filter, setFilter] = useState("");
  const found = Object.entries(facts).filter(([name, value]) => `${name} ${text(value)}`.toLowerCase().includes(filter.toLowerCase()));
  return (
    <>
      <input type="search" aria-label="Filter flags" placeholder="Filter" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      <FactTable title="Flags" facts={Object.fromEntries(found)} flags />
    </>
  );
}

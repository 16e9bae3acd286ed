// How the server was built, is set up and runs.

import { useState } from "preact/hooks";
import { api, base } from "../api";
import { useLoaded } from "../use";
import { Failure, Heading, Table } from "./parts";

export function Status() {
  return (
    <>
      <Heading title="Status">
        <a class="button" href={`${base()}/api/v1/openapi`}>
          Routes of the API
        </a>
        <a class="button" href={`${base()}/assets/licences.md`}>
          Licences of this page
        </a>
      </Heading>
      <div class="columns">
        <Facts title="Build" what="buildinfo" />
        <Facts title="Runtime" what="runtimeinfo" />
      </div>
      <Flags />
      <Configuration />
    </>
  );
}

function text(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function Facts({ title, what }: { title: string; what: "buildinfo" | "runtimeinfo" }) {
  const { data, error } = useLoaded(() => api.status(what), [what]);
  return (
    <section>
      <h2>{title}</h2>
      {error !== null && <Failure error={error} missing="The server does not say." />}
      {data !== null && (
        <Table label={title} head={["Name", "Value"]}>
          {Object.entries(data).map(([name, value]) => (
            <tr>
              <td>{name}</td>
              <td class="labels">
                <code>{text(value)}</code>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function Flags() {
  const [filter, setFilter] = useState("");
  const { data, error } = useLoaded(() => api.status("flags"), []);
  const found = Object.entries(data ?? {}).filter(([name, value]) => `${name} ${text(value)}`.toLowerCase().includes(filter.toLowerCase()));
  return (
    <section>
      <h2>Flags</h2>
      {error !== null && <Failure error={error} missing="The server does not say." />}
      {data !== null && (
        <>
          <input type="search" aria-label="Filter flags" placeholder="Filter" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
          <Table label="Flags" head={["Flag", "Value"]}>
            {found.map(([name, value]) => (
              <tr>
                <td>
                  <code>{name.startsWith("-") ? name : `--${name}`}</code>
                </td>
                <td class="labels">
                  <code>{text(value)}</code>
                </td>
              </tr>
            ))}
          </Table>
        </>
      )}
    </section>
  );
}

function Configuration() {
  const { data, error } = useLoaded(() => api.config(), []);
  return (
    <section>
      <h2>Configuration</h2>
      {error !== null && <Failure error={error} missing="The server does not say." />}
      {data !== null && <pre class="file">{data.yaml === undefined || data.yaml === "" ? "There is none." : data.yaml}</pre>}
    </section>
  );
}

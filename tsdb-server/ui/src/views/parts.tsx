// Small pieces that views are made of.

import type { ComponentChildren } from "preact";
import { ApiFailure } from "../api";

export function Notice({ kind, children }: { kind: "error" | "warning" | "info"; children: ComponentChildren }) {
  return (
    <div class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {children}
    </div>
  );
}

/** Why a view has nothing to show. What the server does not have is said so, and is no failure. */
export function Failure({ error, missing }: { error: Error; missing?: string }) {
  const status = error instanceof ApiFailure ? error.status : 0;
  if (missing !== undefined && (status === 404 || status === 405)) {
    return <Notice kind="info">{missing}</Notice>;
  }
  const refused = status === 401 || status === 403;
  return <Notice kind="error">{refused ? `not allowed: ${error.message}` : error.message}</Notice>;
}

export function Heading({ title, loading, children }: { title: string; loading?: boolean; children?: ComponentChildren }) {
  return (
    <div class="heading">
      <h1>{title}</h1>
      <span class={loading === true ? "spinner" : "spinner still"} aria-hidden="true" />
      <div class="grow" />
      {children}
    </div>
  );
}

/** A table in a box of its own that scrolls sideways. */
export function Table({ label, head, children }: { label: string; head: (string | [text: string, kind: "number"])[]; children: ComponentChildren }) {
  return (
    <div class="scroll">
      <table aria-label={label}>
        <thead>
          <tr>
            {head.map((column) => (
              <th scope="col" class={typeof column === "string" ? "" : "number"}>
                {typeof column === "string" ? column : column[0]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

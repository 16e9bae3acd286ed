// The trace of a query: what took how long.

import { useState } from "preact/hooks";
import { formatMillis } from "../duration";
import { formatCount } from "../number";
import { type TraceNode, traceRows } from "../trace";

export function Trace({ trace }: { trace: TraceNode }) {
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const toggle = (path: string) =>
    setCollapsed((before) => {
      const after = new Set(before);
      return after.delete(path) ? after : after.add(path);
    });
  return (
    <div class="scroll">
      <table class="trace" aria-label="Trace">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col" class="number">Time</th>
            <th scope="col" class="bar">
              Of the whole
            </th>
            <th scope="col" class="number">Own</th>
            <th scope="col" class="number">Series</th>
            <th scope="col" class="number">Samples</th>
          </tr>
        </thead>
        <tbody>
          {traceRows(trace, collapsed).map(({ path, depth, node, share, selfMs, children }) => (
            <tr key={path}>
              <td>
                <div class="step" style={{ paddingLeft: `${Math.min(depth, 20) * 16}px` }}>
                  {children > 0 ? (
                    <button
                      class="fold"
                      aria-expanded={!collapsed.has(path)}
                      aria-label={`${node.name}: ${children} steps below`}
                      onClick={() => toggle(path)}
                    >
                      {collapsed.has(path) ? "\u25b8" : "\u25be"}
                    </button>
                  ) : (
                    <span class="fold" />
                  )}
                  <span>
                    <b>{node.name}</b> {node.detail !== undefined && node.detail !== "" && <code title={node.detail}>{node.detail}</code>}
                  </span>
                </div>
              </td>
              <td class="number">{formatMillis(node.duration_ms)}</td>
              <td class="bar" title={`${(share * 100).toFixed(1)} %`}>
                <span class={share > 0.5 ? "hot" : ""} style={{ width: `${Math.max(share * 100, 0.5)}%` }} />
              </td>
              <td class="number">{children > 0 ? formatMillis(selfMs) : ""}</td>
              <td class="number">{node.series === undefined ? "" : formatCount(node.series)}</td>
              <td class="number">{node.samples === undefined ? "" : formatCount(node.samples)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

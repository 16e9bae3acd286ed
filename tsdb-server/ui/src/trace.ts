// A trace of a query, a tree of what was done, as rows of a table.

export interface TraceNode {
  name: string;
  detail?: string;
  duration_ms: number;
  series?: number;
  samples?: number;
  children?: TraceNode[];
}

export interface TraceRow {
  /** Which child of which child it is: `0`, `0.2`. */
  path: string;
  depth: number;
  node: TraceNode;
  /** Its part of the whole time, 0 to 1. */
  share: number;
  /** Milliseconds that no child accounts for; 0 where children ran beside each other. */
  selfMs: number;
  children: number;
}

const DEPTH_MAX = 64;
const ROWS_MAX = 5000;

/** The rows of a trace, parents before their children, without what is below the collapsed ones. */
export function traceRows(root: TraceNode, collapsed: ReadonlySet<string>): TraceRow[] {
  const rows: TraceRow[] = [];
  const whole = Math.max(root.duration_ms, Number.MIN_VALUE);
  const add = (node: TraceNode, path: string, depth: number) => {
    if (rows.length >= ROWS_MAX || depth >= DEPTH_MAX) {
      return;
    }
    const children = node.children ?? [];
    const below = children.reduce((sum, child) => sum + child.duration_ms, 0);
    rows.push({
      path,
      depth,
      node,
      share: Math.min(1, Math.max(0, node.duration_ms / whole)),
      selfMs: Math.max(0, node.duration_ms - below),
      children: children.length,
    });
    if (!collapsed.has(path)) {
      children.forEach((child, at) => add(child, `${path}.${at}`, depth + 1));
    }
  };
  add(root, "0", 0);
  return rows;
}

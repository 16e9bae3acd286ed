// Label sets as PromQL writes them.

export type Labels = Record<string, string>;

export function quote(text: string): string {
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

function isPlainName(name: string, metric: boolean): boolean {
  return (metric ? /^[a-zA-Z_:][a-zA-Z0-9_:]*$/ : /^[a-zA-Z_][a-zA-Z0-9_]*$/).test(name);
}

/** `name{label="value"}`: text that selects what it describes, names outside the old alphabet quoted. */
export function formatLabels(labels: Labels): string {
  const { __name__: name, ...others } = labels;
  const pairs = Object.entries(others)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([label, value]) => `${isPlainName(label, false) ? label : quote(label)}=${quote(value)}`);
  const plain = name !== undefined && isPlainName(name, true);
  if (name !== undefined && !plain) {
    pairs.unshift(quote(name));
  }
  return `${plain ? name : ""}${pairs.length > 0 || !plain ? `{${pairs.join(", ")}}` : ""}`;
}

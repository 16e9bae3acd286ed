// What the browser keeps between visits. Where it keeps nothing, nothing breaks.

const PREFIX = "tsdb.";

export function load<T>(name: string, otherwise: T, isRight: (value: unknown) => value is T): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
    return isRight(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

export function save(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Full or forbidden: the page works without.
  }
}

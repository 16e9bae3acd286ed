// Where in an expression the server found it wrong.

export interface Place {
  /** UTF-16 units from the beginning, as editors count. */
  from: number;
  to: number;
  message: string;
}

/** The place that an error of the API names, as in `1:5: parse error: unexpected end of input`. */
export function errorPlace(error: string, expr: string): Place | null {
  const found = /(\d+):(\d+): (parse error: .*)/s.exec(error);
  if (found === null) {
    return null;
  }
  const lines = expr.split("\n");
  const line = Math.min(Math.max(Number(found[1]), 1), lines.length) - 1;
  const before = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);
  const text = lines[line] ?? "";
  const start = before + unitsOfBytes(text, Number(found[2]) - 1);
  const word = /^[\w:.]+/.exec(expr.slice(start))?.[0].length ?? 1;
  // The end of the expression is shown at what stands last.
  const from = Math.max(0, Math.min(start, expr.length - 1));
  return { from, to: Math.min(expr.length, Math.max(start + word, from + 1)), message: found[3] ?? "" };
}

/** The server counts bytes of UTF-8. */
function unitsOfBytes(text: string, bytes: number): number {
  let left = bytes;
  let units = 0;
  for (const character of text) {
    if (left <= 0) {
      break;
    }
    left -= new TextEncoder().encode(character).length;
    units += character.length;
  }
  return units;
}

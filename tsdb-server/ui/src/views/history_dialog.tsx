// Expressions that were run before, to be run again.

import { useState } from "preact/hooks";
import { forget, history } from "../history";
import { Dialog } from "./dialog";

export function HistoryDialog({ onClose, onPick }: { onClose: () => void; onPick: (expr: string) => void }) {
  const [filter, setFilter] = useState("");
  const [past, setPast] = useState(history);
  const found = past.filter((expr) => expr.toLowerCase().includes(filter.toLowerCase()));
  const clear = () => {
    forget();
    setPast([]);
  };
  return (
    <Dialog title="History" onClose={onClose}>
      <div class="row">
        <input type="search" aria-label="Filter" placeholder="Filter" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        <button onClick={clear} disabled={past.length === 0}>
          Clear
        </button>
      </div>
      {found.length === 0 && <p class="empty">{past.length === 0 ? "No query was run in this browser yet." : "No query has that in it."}</p>}
      <ul class="choices">
        {found.map((expr) => (
          <li key={expr}>
            <button onClick={() => onPick(expr)}>
              <code>{expr}</code>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

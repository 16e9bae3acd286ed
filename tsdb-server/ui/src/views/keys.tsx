// What the keyboard does.

import { Dialog } from "./dialog";

const KEYS: [keys: string, does: string][] = [
  ["/", "to the first editor"],
  ["Enter, Ctrl+Enter", "run the expression"],
  ["Shift+Enter", "a new line"],
  ["Ctrl+Space", "complete"],
  ["Esc", "close the popup or the dialog, leave the editor"],
  ["Ctrl+click or double-click on a name below a graph", "this series alone, or all again"],
  ["?", "these keys"],
];

export function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <table>
        <tbody>
          {KEYS.map(([keys, does]) => (
            <tr>
              <td>
                <kbd>{keys}</kbd>
              </td>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="note">Drag across a graph to look at that part. On a Mac, Cmd does what Ctrl does.</p>
    </Dialog>
  );
}

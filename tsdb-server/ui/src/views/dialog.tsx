// A dialog above the page; Esc and a click beside it close it.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-label={title} onClose={onClose} onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
      <div class="dialog">
        <div class="heading">
          <h2>{title}</h2>
          <div class="grow" />
          <button onClick={() => dialog.current?.close()}>Close</button>
        </div>
        {children}
      </div>
    </dialog>
  );
}

// A dialog on top of the page: the browser's own, which keeps the focus inside, closes with Escape, and gives
// the focus back.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { texts } from '../texts/index.ts';

export function Modal({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-label={title} onClose={onClose}>
      <div class="panel-head">
        <h2 class="grow">{title}</h2>
        <button type="button" class="small" onClick={() => dialog.current?.close()}>
          {texts.common.close}
        </button>
      </div>
      <div class="panel-body stack">{children}</div>
    </dialog>
  );
}

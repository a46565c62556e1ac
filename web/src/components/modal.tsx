// A dialog on top of the page: the browser's own, which keeps the focus inside and closes with Escape. The focus
// goes back to where it was, however the dialog ends. Its head and its buttons stay in view.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { texts } from '../texts/index.ts';
import { Toast } from './toast.tsx';

export function Modal({
  title,
  onClose,
  children,
  buttons,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** What can be done, below what is shown. */
  buttons?: ComponentChildren;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => {
      // The browser does so where the dialog is closed, but not where it is taken away.
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <div class="panel-head">
        <h2 id={id} class="grow">
          {title}
        </h2>
        <button type="button" class="small" onClick={() => dialog.current?.close()}>
          {texts.common.close}
        </button>
      </div>
      <div class="panel-body stack dialog-body">{children}</div>
      {buttons !== undefined && <div class="row dialog-buttons">{buttons}</div>}
      {/* All that lies below a dialog is out of reach for screen readers, the page's own messages as well. */}
      <Toast />
    </dialog>
  );
}

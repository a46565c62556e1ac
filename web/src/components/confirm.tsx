// Asks before something is done that cannot be taken back, and stays open where it did not work.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiProblem } from '../api/client.ts';
import { texts } from '../texts/index.ts';
import { Modal } from './modal.tsx';
import { Problem } from './problem.tsx';

/** @param act  what is done; an `ApiProblem` is shown */
export function Confirm({
  title,
  about,
  act,
  onClose,
}: {
  title: string;
  about: string;
  act: () => Promise<void>;
  onClose: () => void;
}): JSX.Element {
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [busy, setBusy] = useState(false);
  const go = async (): Promise<void> => {
    setBusy(true);
    try {
      await act();
      onClose();
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
      setBusy(false);
    }
  };
  return (
    <Modal
      title={title}
      onClose={onClose}
      buttons={
        <>
          <button type="button" class="primary" disabled={busy} onClick={() => void go()}>
            {title}
          </button>
          <button type="button" onClick={onClose}>
            {texts.common.cancel}
          </button>
        </>
      }
    >
      <p>{about}</p>
      {problem !== null && <Problem problem={problem} />}
    </Modal>
  );
}

// Asks for a reason before something dangerous is let go, and says what came of it.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiProblem, send } from '../../api/client.ts';
import type { ReleaseReply } from '../../api/types.ts';
import { Modal } from '../../components/modal.tsx';
import { Problem } from '../../components/problem.tsx';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';

export function ReleaseDialog({
  title,
  about,
  path,
  onClose,
  onDone,
}: {
  title: string;
  about: string;
  /** What is posted to. */
  path: string;
  onClose: () => void;
  onDone?: () => void;
}): JSX.Element {
  const words = texts.threats.release;
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await send<ReleaseReply>('POST', path, reason.trim() === '' ? {} : { reason: reason.trim() });
      announce(words.done);
      onDone?.();
      onClose();
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
    }
  };
  return (
    <Modal title={title} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <p>{about}</p>
        <label class="stack">
          {words.reason}
          <input maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        {problem !== null && <Problem problem={problem} />}
        <div>
          <button type="submit" class="primary">
            {title}
          </button>
        </div>
      </form>
    </Modal>
  );
}

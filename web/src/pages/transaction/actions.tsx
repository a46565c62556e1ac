// What can be taken from a transaction: commands to repeat it, files to give to others.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { download, getJson } from '../../api/client.ts';
import type { CommandsReply, TransactionReply } from '../../api/types.ts';
import { Command, CopyButton } from '../../components/copy-button.tsx';
import { Modal } from '../../components/modal.tsx';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';
import { icapFile } from './icap-file.ts';
import { Replay } from './replay.tsx';

export function Actions({ id, reply }: { id: string; reply: TransactionReply }): JSX.Element {
  const [commands, setCommands] = useState<CommandsReply | null>(null);
  const words = texts.transaction.actions;
  const path = `/api/transactions/${encodeURIComponent(id)}`;
  const attempt = (work: () => Promise<unknown>): void => {
    work().catch((error: unknown) => announce(texts.common.failed((error as Error).message)));
  };
  const fetched = (): Promise<CommandsReply> => getJson<CommandsReply>(`${path}/commands`);
  const icap = icapFile(reply);
  const saveIcap = (): void => {
    const url = URL.createObjectURL(new Blob([...icap], { type: 'application/octet-stream' }));
    Object.assign(document.createElement('a'), { href: url, download: `${id}.icap` }).click();
    URL.revokeObjectURL(url);
  };
  return (
    <div class="row" role="group" aria-label={words.label}>
      <CopyButton label={words.curl} text={async () => (await fetched()).curl} />
      <button type="button" class="small" onClick={() => attempt(async () => setCommands(await fetched()))}>
        {words.commands}
      </button>
      <button type="button" class="small" onClick={() => attempt(() => download(`${path}/har`, `${id}.har`))}>
        {words.har}
      </button>
      <button
        type="button"
        class="small"
        disabled={icap.length === 0}
        onClick={saveIcap}
        title={words.icapWhat}
      >
        {words.icap}
      </button>
      {commands !== null && (
        <Modal title={words.commands} onClose={() => setCommands(null)}>
          {commands.curlThroughProxy !== null && (
            <>
              <h3>{words.replay}</h3>
              <Command text={commands.curlThroughProxy} />
            </>
          )}
          <h3>{words.direct}</h3>
          <Command text={commands.curl} />
          {commands.icap.map(({ service, command }) => (
            <>
              <h3>{words.icapTo(service)}</h3>
              <Command text={command} />
            </>
          ))}
          <h3>{words.why}</h3>
          <Command text={commands.why} />
          {reply.capture !== null && <Replay id={id} />}
        </Modal>
      )}
    </div>
  );
}

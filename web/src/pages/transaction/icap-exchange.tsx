// One ICAP request and its answer: the heads line by line, each field explained where the pointer or the focus
// is; the parts of the encapsulated message with their offsets; the preview as chunks.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { TracedExchange } from '../../api/types.ts';
import { bytesOf } from '../../bytes.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { HexDump } from '../../components/hex-dump.tsx';
import { Facts } from '../../components/panel.tsx';
import { bytes, duration } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import { answerText, requestText } from './icap-file.ts';
import { encapsulatedParts, explanationOf } from './icap-explained.ts';

export function IcapExchange({ exchange }: { exchange: TracedExchange }): JSX.Element {
  const words = texts.transaction.icap;
  const { address, queuedMs, connectMs, firstByteMs, ms, error } = exchange;
  const answer = answerText(exchange).trimEnd().split('\r\n');
  return (
    <div class="stack">
      <Facts
        facts={[
          [words.address, address],
          [words.connection, connectMs === null ? words.reused : words.opened(duration(connectMs))],
          [words.queued, queuedMs > 1 ? duration(queuedMs) : null],
          [words.firstByte, firstByteMs === null ? null : duration(firstByteMs)],
          [words.total, duration(ms)],
          [words.error, error === null ? null : `${error.code}: ${error.message}. ${error.remedy}`],
        ]}
      />
      <div class="grid-2">
        <section class="stack message">
          <div class="row">
            <h4>{words.request}</h4>
            <CopyButton text={requestText(exchange)} />
          </div>
          <Lines lines={exchange.request} label={words.request} />
          <Encapsulated lines={exchange.request} />
          <Preview exchange={exchange} />
        </section>
        <section class="stack message">
          <div class="row">
            <h4>{words.answer}</h4>
            {answer[0] !== '' && <CopyButton text={answerText(exchange)} />}
          </div>
          {answer[0] === '' ? (
            <p class="muted">{words.noAnswer}</p>
          ) : (
            <Lines lines={answer} label={words.answer} />
          )}
          <Encapsulated lines={answer} />
        </section>
      </div>
    </div>
  );
}

/** The lines of a head; those with an explanation can be pointed at and focused. */
function Lines({ lines, label }: { lines: readonly string[]; label: string }): JSX.Element {
  return (
    <ul class="head icap-lines" aria-label={label}>
      {lines
        .filter((line) => line !== '')
        .map((line, at) => {
          const about = explanationOf(line, at === 0);
          if (about === null) return <li key={at}>{line}</li>;
          return (
            <li key={at} class="explained">
              <details>
                <summary title={about}>{line}</summary>
                <span class="explanation">{about}</span>
              </details>
            </li>
          );
        })}
    </ul>
  );
}

function Encapsulated({ lines }: { lines: readonly string[] }): JSX.Element | null {
  const parts = encapsulatedParts(lines);
  if (parts.length === 0) return null;
  return (
    <ol class="parts" aria-label={texts.transaction.icap.parts}>
      {parts.map(({ name, from, to, about }) => (
        <li key={name} title={about}>
          <code>{name}</code>
          <span>
            {name === 'null-body'
              ? texts.transaction.icap.endsAt(from)
              : texts.transaction.icap.offsets(from, to)}
          </span>
          <span class="muted">{about}</span>
        </li>
      ))}
    </ol>
  );
}

function Preview({ exchange }: { exchange: TracedExchange }): JSX.Element | null {
  const words = texts.transaction.icap;
  const { preview, body, request } = exchange;
  const data = useMemo(() => (body === null ? null : bytesOf(body)), [body]);
  if (preview === null) return null;
  const announced = Number(/^preview:\s*(\d+)/im.exec(request.join('\n'))?.[1] ?? Number.NaN);
  return (
    <>
      <h4>{words.preview(bytes(preview))}</h4>
      <p class="small muted">{preview < announced ? words.ieof(announced) : words.wholePreview}</p>
      {data === null ? <p class="small muted">{words.previewNotKept}</p> : <HexDump data={data} />}
    </>
  );
}

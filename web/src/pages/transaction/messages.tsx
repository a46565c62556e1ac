// The request and the response: first line, fields and body of each, as far as they were kept.

import type { JSX } from 'preact';
import type { CapturedBody, HeaderPairs, TransactionReply } from '../../api/types.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { bytes } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import { BodyView } from './body-view.tsx';

export function Messages({ reply }: { reply: TransactionReply }): JSX.Element {
  const { trace, capture } = reply;
  const words = texts.transaction.messages;
  const { request, answer } = trace ?? { request: null, answer: null };
  const captured = { request: capture?.request ?? null, response: capture?.response ?? null };
  if (request === null && capture === null) return <p class="muted">{words.none}</p>;
  return (
    <div class="grid-2">
      <Message
        title={words.request}
        startLine={
          captured.request?.startLine ??
          (request === null ? '' : `${request.method} ${request.url} ${request.version ?? ''}`.trimEnd())
        }
        headers={captured.request?.headers ?? request?.headers ?? []}
        body={captured.request?.body ?? null}
        size={request?.bytes ?? 0}
      />
      <Message
        title={answer === null ? words.response : words.from[answer.from]}
        startLine={
          captured.response?.startLine ??
          (answer === null || answer.status === 0
            ? words.noAnswer
            : `HTTP ${answer.status} ${answer.reason ?? ''}`)
        }
        headers={captured.response?.headers ?? answer?.headers ?? []}
        body={captured.response?.body ?? null}
        size={answer?.bytes ?? 0}
      />
    </div>
  );
}

interface MessageProps {
  readonly title: string;
  readonly startLine: string;
  readonly headers: HeaderPairs;
  readonly body: CapturedBody | null;
  /** Bytes that went over the wire. */
  readonly size: number;
}

function Message({ title, startLine, headers, body, size }: MessageProps): JSX.Element {
  const words = texts.transaction.messages;
  const head = [startLine, ...headers.map(([name, value]) => `${name}: ${value}`)].join('\r\n');
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
  return (
    <section class="stack message">
      <div class="row">
        <h3>{title}</h3>
        <CopyButton text={head} label={words.copyHead} />
      </div>
      <pre class="head" tabIndex={0} role="region" aria-label={`${title}, ${words.head}`}>
        <strong>{startLine}</strong>
        {headers.map(([name, value], at) => (
          <span key={at}>
            {'\n'}
            <span class="field-name">{name}</span>
            {`: ${value}`}
          </span>
        ))}
      </pre>
      {body !== null ? (
        <BodyView body={body} type={type} />
      ) : (
        <p class="muted">{size === 0 ? words.noBody : words.bodyNotKept(bytes(size))}</p>
      )}
    </section>
  );
}

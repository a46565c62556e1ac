// The ICAP messages of a transaction as a file to save: the bytes as they were on the wire where they were
// captured, else the heads that the trace has.

import type { TracedExchange, TraceRecord, TransactionReply } from '../../api/types.ts';
import { bytesOf } from '../../bytes.ts';

/** @returns empty where nothing was sent over ICAP */
export function icapFile({ trace, capture }: TransactionReply): readonly BlobPart[] {
  const wire = (capture?.icap ?? []).flatMap(({ sent, received }) => [sent, received]);
  if (wire.length > 0) return wire.map(({ base64 }) => bytesOf(base64));
  const heads = trace === null ? '' : headsOf(trace);
  return heads === '' ? [] : [heads];
}

function headsOf({ reqmod, respmod }: TraceRecord): string {
  const exchanges = [...reqmod, ...respmod].flatMap(({ services }) =>
    services.flatMap(({ attempts }) => attempts),
  );
  return exchanges.map((exchange) => `${requestText(exchange)}\r\n\r\n${answerText(exchange)}`).join('');
}

/** The head of the ICAP request, lines ended as on the wire. */
export function requestText({ request }: TracedExchange): string {
  return request.join('\r\n');
}

/** The head of the answer; empty where none came. */
export function answerText({ status, reason, headers }: TracedExchange): string {
  if (status === null) return '';
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return `${[`ICAP/1.0 ${status} ${reason ?? ''}`.trimEnd(), ...lines].join('\r\n')}\r\n\r\n`;
}

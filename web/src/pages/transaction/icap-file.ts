// The ICAP messages of a transaction as a text to save: heads as they were sent and received, and the start of
// each preview where it was kept.

import type { TracedExchange, TraceRecord } from '../../api/types.ts';

/** @returns empty where nothing was sent over ICAP */
export function icapFile({ reqmod, respmod }: TraceRecord): string {
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

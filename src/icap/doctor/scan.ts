// A scanner as its client sees it: a message that carries a file, what became of it, and the fields that
// tell of a threat. What is asked for is in checks/verdict.ts and checks/block-page.ts.

import { fieldValue } from '../codec/fields.ts';
import type { CheckContext, Exchanged } from './context.ts';
import { viewHttp } from './http-view.ts';
import { bodyAfter, problemOf, told } from './judge.ts';
import type { MessageParts, ModMethod } from './message.ts';
import { requestSection, responseSection } from './message.ts';
import { eicar } from './samples.ts';

/** Fields of the ICAP or the HTTP header that name a threat, or say that there is one (K-62). */
export const THREAT_FIELDS = [
  'x-infection-found',
  'x-virus-id',
  'x-virus-name',
  'x-violations-found',
  'x-blocked-reason',
  'x-block-reason',
  'x-blocked',
  'x-response-info',
];
export const OWN_ANSWERS = 'this service answers everything itself';
const NOT_A_SCANNER = 'EICAR passes: no scanner, or its anti-virus is off';

export type Verdict = 'blocked' | 'passed' | 'failed';

/** A message that carries a file: a download, or an upload where the service takes only requests. */
export function file(
  context: CheckContext,
  body: Buffer,
  parts: MessageParts,
  { type = 'application/octet-stream', extra = '' } = {},
  method: ModMethod = context.facts.primary,
) {
  const url = 'http://doctor.example/file';
  const requestHead = requestSection(method, body, url, method === 'REQMOD' ? extra : '', type);
  const heads = method === 'RESPMOD' ? { responseHead: responseSection(body, type, extra) } : {};
  return context.message({ body, requestHead, ...heads, ...parts }, method);
}

export function infected(context: CheckContext): Promise<Exchanged> {
  return context.once('eicar', (it) => it.exchange(file(it, eicar(), { allow: '204' })));
}

/** Why what becomes of EICAR tells nothing about packed or hidden forms of it; null when it is blocked. */
export function noScanner({ facts }: CheckContext, verdict: Verdict): string | null {
  if (facts.plain.kind === 'replaced') return OWN_ANSWERS;
  return verdict === 'blocked' ? null : NOT_A_SCANNER;
}

export function verdictOn(exchanged: Exchanged, sample: Buffer): Verdict {
  const { final, outgoing } = exchanged;
  if (problemOf(final) !== null || final.kind !== 'response') return 'failed';
  const body = bodyAfter(final.response, outgoing);
  return body !== null && body.includes(sample) ? 'passed' : 'blocked';
}

/** What was said of the threat, e.g. `HTTP 403, x-virus-id: …`. */
export function described(exchanged: Exchanged): string {
  const { final } = exchanged;
  const section = final.kind === 'response' ? final.response.httpHeader : null;
  const status = section === null ? told(final) : `HTTP ${viewHttp(section.bytes).status ?? '?'}`;
  return ['blocked', status, threatFields(exchanged)[0]].filter((part) => part !== undefined).join(', ');
}

/** Known fields of the ICAP or the HTTP header that tell of a threat. */
export function threatFields({ final }: Exchanged): string[] {
  if (final.kind !== 'response') return [];
  const { headers, httpHeader } = final.response;
  const inside = httpHeader === null ? [] : viewHttp(httpHeader.bytes).headers;
  return THREAT_FIELDS.flatMap((name) => {
    const value = fieldValue(headers, name) ?? fieldValue(inside, name);
    return value === undefined ? [] : [`${name}: ${value}`];
  });
}

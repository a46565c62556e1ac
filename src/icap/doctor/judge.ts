// How answers become findings: what a usable answer is, what came back of a message, and the words for
// it. Levels and what follows from them are examine.ts.

import { printable } from '../../errors.ts';
import type { WireResponse } from '../probe/wire-client.ts';
import { chunkExtension } from '../codec/chunked.ts';
import { fieldValue } from '../codec/fields.ts';
import { icapList } from '../codec/head.ts';
import type { Exchanged, PlainOutcome } from './context.ts';
import type { Dialogue, Reply } from './dialogue.ts';
import { viewHttp } from './http-view.ts';
import type { Outgoing } from './message.ts';
import type { Finding } from './types.ts';

export const right = (saw: string, figures?: Finding['figures']): Finding => ({
  result: 'right',
  saw,
  ...(figures === undefined ? {} : { figures }),
});
export const wrong = (saw: string): Finding => ({ result: 'wrong', saw });
export const skip = (saw: string): Finding => ({ result: 'skip', saw });

/** The answer in a few words, e.g. `204 No Content`. */
export function told(reply: Reply): string {
  if (reply.kind !== 'response') return reply.what;
  return `${reply.response.status} ${printable(reply.response.reason)}`.trim();
}

export function statusOf(reply: Reply): number | null {
  return reply.kind === 'response' ? reply.response.status : null;
}

/** The answer is a refusal: 4xx, 5xx, or the connection closed without one. */
export function refused(reply: Reply): boolean {
  return reply.kind === 'closed' || (statusOf(reply) ?? 0) >= 400;
}

/** Right when the server refuses, whatever the status, or closes. */
export function refusal(reply: Reply): Finding {
  if (refused(reply)) return right(told(reply));
  const nothingInside = field(reply, 'encapsulated')?.trim() === 'null-body=0';
  return wrong(statusOf(reply) === 200 && nothingInside ? `${told(reply)} with null-body=0` : told(reply));
}

/** The HTTP response that an answer carries has this status; null if it carries none. */
export function httpStatusOf(reply: Reply): number | null {
  const section = reply.kind === 'response' ? reply.response.httpHeader : null;
  return section?.kind === 'res-hdr' ? viewHttp(section.bytes).status : null;
}

/** Why a final answer to a sound request is of no use to a client; null when it is. */
export function problemOf(final: Reply): string | null {
  if (final.kind !== 'response') return final.what;
  const { status, httpHeader, body } = final.response;
  if (status === 204) return null;
  if (![200, 201, 206].includes(status)) return `answered ${told(final)}`;
  return httpHeader === null && body === null ? `${told(final)} without any HTTP message in it` : null;
}

/** What a client ends up with: the original, the same sent back, another body, or another message. */
export function outcomeOf({ final, outgoing }: Pick<Exchanged, 'final' | 'outgoing'>): PlainOutcome {
  const problem = problemOf(final);
  if (problem !== null || final.kind !== 'response') return { kind: 'refused', why: problem ?? '' };
  const { response } = final;
  if (response.status === 204) return { kind: 'unmodified' };
  const wanted = outgoing.method === 'REQMOD' ? 'req-hdr' : 'res-hdr';
  const section = response.httpHeader;
  if (section === null || section.kind !== wanted) return { kind: 'replaced' };
  if (outgoing.method === 'RESPMOD' && viewHttp(section.bytes).status !== viewHttp(outgoing.section).status) {
    return { kind: 'replaced' };
  }
  const body = bodyAfter(response, outgoing);
  const same = outgoing.body === null ? body === null || body.length === 0 : body?.equals(outgoing.body);
  return { kind: same === true || (outgoing.body?.length === 0 && body === null) ? 'same' : 'changed' };
}

/** The body that a client ends up with; a 206 is joined with the original (C-64). */
export function bodyAfter(response: WireResponse, { body: original }: Outgoing): Buffer | null {
  if (response.status === 204) return original;
  const from = response.status === 206 ? useOriginalFrom(response) : null;
  if (from === null || original === null) return response.body;
  return Buffer.concat([response.body ?? Buffer.alloc(0), original.subarray(from)]);
}

/** N of `use-original-body=N`; null without, NaN when it is no number. */
export function useOriginalFrom({ lastChunkExtension }: WireResponse): number | null {
  const value = chunkExtension(lastChunkExtension, 'use-original-body');
  if (value === undefined) return null;
  return /^\d+$/.test(value) ? Number(value) : NaN;
}

/** Right when the answer is of use. */
export function accepted({ final }: Exchanged): Finding {
  const problem = problemOf(final);
  return problem === null ? right(told(final)) : wrong(problem);
}

/**
 * Right when the answer is of use and, where the service gives messages back as they are, the body came
 * back whole.
 */
export function acceptedWhole(exchanged: Exchanged, plain: PlainOutcome): Finding {
  const outcome = outcomeOf(exchanged);
  if (outcome.kind === 'refused') return wrong(outcome.why);
  if (outcome.kind !== 'changed' || plain.kind === 'changed') return right(told(exchanged.final));
  return wrong(`${told(exchanged.final)}, and ${difference(exchanged)}`);
}

/** How the body that came back differs. */
export function difference({ final, outgoing }: Exchanged): string {
  const got = final.kind === 'response' ? bodyAfter(final.response, outgoing) : null;
  const sent = outgoing.body;
  if (sent === null) return `a body of ${got?.length ?? 0} bytes came back where none was sent`;
  if (got === null) return `no body came back where ${sent.length} bytes were sent`;
  if (got.length !== sent.length) return `${got.length} of ${sent.length} body bytes came back`;
  const at = sent.findIndex((byte, index) => got[index] !== byte);
  return `the body came back changed from byte ${at} on`;
}

/** The server says that it closes the connection after this answer. */
export function announcesClose(reply: Reply): boolean {
  return reply.kind === 'response' && icapList(reply.response.headers, 'connection').includes('close');
}

/** Value of a field of an answer; undefined where there is no answer. */
export function field(reply: Reply, lowerName: string): string | undefined {
  return reply.kind === 'response' ? fieldValue(reply.response.headers, lowerName) : undefined;
}

/**
 * Whether a connection is in step after an answer: another request gets its own answer, or the server
 * closes and has said so.
 */
export async function inStep(dialogue: Dialogue, before: Reply, next: Outgoing): Promise<Finding> {
  if (before.kind !== 'response') return wrong(before.what);
  if (announcesClose(before)) return right(`${told(before)}; the server closes, and says so`);
  await dialogue.send(next.bytes);
  const reply = await dialogue.answer(next);
  if (reply.kind === 'closed') {
    return wrong(`${told(before)}; then the connection is closed without "Connection: close"`);
  }
  const own = statusOf(reply) === 200 && field(reply, 'methods') !== undefined;
  if (own) return right(`${told(before)}; the next request was answered`);
  return wrong(`${told(before)}; the next request got: ${told(reply)}`);
}

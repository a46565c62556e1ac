// What a request gets that asks for an answer which waits: the page or 202 while it is being scanned, then
// the answer itself, with its own status and head. Strangers and those who come too late get what they would
// get for a ticket that never was.

import { HttpError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import type { Answer } from '../../http/server-connection.ts';
import type { RequestHead } from '../../icap/codec/http-head.ts';
import type { PageAudience, PatiencePageInput } from '../../pages/index.ts';
import { audienceOf, languageOf, PATIENCE_SCRIPT, patienceFacts, patiencePage } from '../../pages/index.ts';
import { answerUrl, askedOf, SCRIPT_PATH, statePath } from './addresses.ts';
import { clientKind, isAsynchronous, wayFor } from './manner.ts';
import type { Patience } from './settings.ts';
import type { ScanOutcome, Ticket } from './ticket.ts';
import type { Visitor } from './waiting-room.ts';

/** What a visitor gets. */
export type Visit =
  /** Progress, a redirect, the script: not worth a record. */
  | { readonly kind: 'aside'; readonly answer: Answer }
  /** The answer of another transaction, which the record names; `onDelivered` when the client has all of it. */
  | {
      readonly kind: 'fetched';
      readonly transaction: string;
      readonly answer: Answer;
      readonly outcome: ScanOutcome;
      onDelivered(): void;
    }
  /** The scan has failed. */
  | { readonly kind: 'failed'; readonly transaction: string; readonly error: WeirError };

const RETRY_LEAST_S = 2;
const RETRY_MOST_S = 30;

/**
 * Looks whether a request is about an answer that waits: by its URL, or because the same client has asked
 * the same before. Null: it is not.
 *
 * @param url  absolute, as asked for
 * @throws {HttpError} `ERR_PATIENCE_TICKET` for an address of ours that is nothing to this client
 */
export function visit(
  { room, settings }: Patience,
  visitor: Visitor,
  request: RequestHead,
  url: string,
): Visit | null {
  const asked = askedOf(url);
  if (asked === null) {
    if (room.size === 0 || settings === null || request.method !== 'GET') return null;
    const same = room.findSame(visitor, url, request.headers);
    if (same === null) return null;
    // Only who would be sent away with a ticket as well: others could do nothing with this one.
    const way = wayFor(request, settings);
    if (way !== 'page' && way !== 'accepted') return null;
    return visitTo(same, request, settings.isProgram, room.delivered.bind(room));
  }
  if (asked.kind === 'script') return { kind: 'aside', answer: scriptAnswer(request) };
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || asked.kind === 'nothing') throw notKept();
  const isProgram = settings?.isProgram ?? noProgram;
  const ticket = room.find(asked.ticket, visitor);
  if (asked.kind === 'state') {
    if (ticket === null) throw notKept();
    ticket.visited();
    return { kind: 'aside', answer: stateAnswer(ticket, request) };
  }
  if (ticket === null || ticket.options.url !== asked.url) {
    if (clientKind(request.headers, isProgram) !== 'navigation') throw notKept();
    return { kind: 'aside', answer: redirect(asked.url) };
  }
  return visitTo(ticket, request, isProgram, room.delivered.bind(room));
}

/** The page for somebody who opens the address, 202 for programs. */
export function waitingAnswer(ticket: Ticket, request: RequestHead, audience: PageAudience): Answer {
  const page = patiencePage(pageInput(ticket), audience, languageOf(request.headers));
  const isAsked = audience !== 'html' && isAsynchronous(request.headers);
  const headers = isAsked ? [...page.headers, 'Preference-Applied', 'respond-async'] : page.headers;
  return answerOf(request, page.status, page.reason, headers, page.body);
}

/** The form of a 202 for who has not said that it reads JSON: text. */
export function programAudience(request: RequestHead): PageAudience {
  return audienceOf(request.headers) === 'json' ? 'json' : 'text';
}

function visitTo(
  ticket: Ticket,
  request: RequestHead,
  isProgram: (userAgent: string) => boolean,
  delivered: (ticket: Ticket) => void,
): Visit {
  ticket.visited();
  const { transaction } = ticket.options;
  if (ticket.error !== null) {
    delivered(ticket);
    return { kind: 'failed', transaction, error: ticket.error };
  }
  const kept = ticket.fetch();
  if (kept !== null) {
    const { outcome } = kept;
    const answer = request.method === 'HEAD' ? withoutBody(kept.answer) : kept.answer;
    return { kind: 'fetched', transaction, answer, outcome, onDelivered: () => delivered(ticket) };
  }
  const isPage = clientKind(request.headers, isProgram) === 'navigation';
  return {
    kind: 'aside',
    answer: waitingAnswer(ticket, request, isPage ? 'html' : programAudience(request)),
  };
}

function pageInput(ticket: Ticket): PatiencePageInput {
  const { id, url } = ticket.options;
  const elapsedMs = performance.now() - ticket.startedAt;
  return {
    ...ticket.progress,
    ...{ url, elapsedMs, script: SCRIPT_PATH },
    next: answerUrl(url, id),
    state: statePath(id),
    // Who has waited long may wait a little longer.
    seconds: Math.min(RETRY_MOST_S, Math.max(RETRY_LEAST_S, Math.round(elapsedMs / 5000))),
  };
}

function stateAnswer(ticket: Ticket, request: RequestHead): Answer {
  const facts = ticket.isSettled
    ? { state: 'done' }
    : patienceFacts(pageInput(ticket), languageOf(request.headers));
  return fileAnswer(request, 'application/json; charset=utf-8', `${JSON.stringify(facts)}\n`);
}

function scriptAnswer(request: RequestHead): Answer {
  return fileAnswer(request, 'text/javascript; charset=utf-8', PATIENCE_SCRIPT);
}

function fileAnswer(request: RequestHead, type: string, text: string): Answer {
  const body = Buffer.from(text);
  const headers = [
    ...['Content-Type', type, 'Content-Length', String(body.length)],
    ...['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff'],
  ];
  return answerOf(request, 200, 'OK', headers, body);
}

/** To the address as it was before we had added something to it. */
function redirect(url: string): Answer {
  const headers = ['Location', url, 'Cache-Control', 'no-store', 'Content-Length', '0'];
  return { status: 303, reason: 'See Other', headers, body: null, contentLength: 0 };
}

function answerOf(
  request: RequestHead,
  status: number,
  reason: string,
  headers: string[],
  body: Buffer,
): Answer {
  const isHead = request.method === 'HEAD';
  return { status, reason, headers, body: isHead ? null : Body.of(body), contentLength: body.length };
}

function withoutBody(answer: Answer): Answer {
  answer.body?.cancel();
  return { ...answer, body: null };
}

function notKept(): HttpError {
  return new HttpError('ERR_PATIENCE_TICKET', 'nothing is kept under this address for this client');
}

const noProgram = (): boolean => false;

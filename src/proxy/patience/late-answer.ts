// One transaction whose answer is being scanned: what its client gets when that takes long, and how the
// verdict then reaches it. Who gets what is manner.ts; the parts are trickle.ts and ticket.ts. Until the
// time is over nothing happens here but one entry among the deadlines.

import { HttpError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import { readHeaderFacts } from '../../http/framing.ts';
import type { HeldBody } from '../../http/held-body.ts';
import type { Answer } from '../../http/server-connection.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../../icap/codec/http-head.ts';
import { Cancellation } from '../../util/cancellation.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import type { Way } from './manner.ts';
import { isScript, mayGoAhead, waitOf, wayFor } from './manner.ts';
import type { Patience, PatienceSettings, Waited } from './settings.ts';
import type { ScanOutcome, Ticket } from './ticket.ts';
import { Trickle } from './trickle.ts';
import { programAudience, waitingAnswer } from './visit.ts';
import type { Visitor } from './waiting-room.ts';

export interface LateSetup {
  readonly visitor: Visitor;
  /** As the client sent it. */
  readonly request: RequestHead;
  /** As asked for, absolute. */
  readonly url: string;
  /** Id of the transaction. */
  readonly transaction: string;
  /** Of the client's connection. */
  readonly cancellation: Cancellation;
  /** Answers the client; to be called once. */
  respond(answer: Answer): Promise<void>;
}

const START = 2; // bytes that tell a script

export class LateAnswer implements HasDeadline {
  deadlineAt = Infinity;
  /** For everything that works on the answer: it may go on when the client has gone. */
  readonly cancellation: Cancellation;
  /** What the client got ahead of the verdict, and when. */
  waited: Waited | null = null;
  waitedAt: number | null = null;
  readonly #patience: Patience;
  readonly #settings: PatienceSettings;
  #way: Way | null = null; // null until it is time
  readonly #setup: LateSetup;
  #origin: Body | null = null;
  #head: ResponseHead | null = null;
  #held: HeldBody | null = null;
  #trickle: Trickle | null = null;
  #sentHead: Answer | null = null;
  #sending: Promise<void> = Promise.resolve();
  #ticket: Ticket | null = null;
  #over = false;
  #onDone: (() => void) | null = null;

  /** @returns null where all clients wait, whatever it takes */
  static of(patience: Patience, setup: LateSetup): LateAnswer | null {
    const { settings } = patience;
    return settings === null ? null : new LateAnswer(patience, settings, setup);
  }

  private constructor(patience: Patience, settings: PatienceSettings, setup: LateSetup) {
    this.#patience = patience;
    this.#settings = settings;
    this.#setup = setup;
    if (setup.request.method !== 'GET') {
      this.cancellation = setup.cancellation;
      return;
    }
    const own = new Cancellation();
    this.cancellation = own;
    setup.cancellation.onCancel((reason) => {
      if (this.#ticket === null) own.cancel(reason);
    });
  }

  /** The origin has answered; from now on the time counts. */
  begin(body: Body | null): void {
    this.#origin = body;
    const { afterMs } = this.#settings;
    this.deadlineAt = performance.now() + waitOf(this.#setup.request.headers, afterMs);
    this.#patience.deadlines.add(this);
  }

  /** A service works on the message, which is this by now. */
  readonly onHold = (head: ResponseHead | null, held: HeldBody): void => {
    if (this.#over) return;
    this.#head = head;
    this.#held = held;
    this.#trickle?.goOnWith(held);
  };

  onDeadline(): void {
    if (this.#over) return;
    this.#way ??= wayFor(this.#setup.request, this.#settings);
    if (this.#way === 'wait') return;
    if (this.#way === 'trickle' || !this.#admit(this.#way)) void this.#startTrickle();
  }

  /**
   * The verdict is there: sends the answer, or keeps it for whoever has the ticket.
   * @throws {WeirError} as `respond`; `ERR_PATIENCE_MODIFIED`; `ERR_SPOOL` and the body's error for a kept answer
   */
  async finish(answer: Answer, outcome: ScanOutcome): Promise<void> {
    this.#end();
    if (this.#ticket !== null) return this.#ticket.keep(answer, outcome);
    const isBlocked = outcome.verdict === 'blocked';
    const trickle = this.#trickle;
    if (trickle === null) return this.#setup.respond(answer);
    if (!isBlocked && isSameHead(this.#sentHead!, answer)) {
      trickle.finish(answer.body);
      return this.#sending;
    }
    answer.body?.cancel();
    if (!isBlocked) {
      const text = `the head of the answer was changed after ${trickle.sent} bytes of the body had been trickled`;
      trickle.cut(new HttpError('ERR_PATIENCE_MODIFIED', text, { sent: trickle.sent }));
      return this.#sending;
    }
    trickle.cut(
      new HttpError('ERR_PATIENCE_BLOCKED', `blocked after ${trickle.sent} bytes had been trickled`),
    );
    // That it broke off is what was wanted; the record says "blocked".
    await this.#sending.catch((error: WeirError) => {
      if (error.code !== 'ERR_PATIENCE_BLOCKED') throw error;
    });
  }

  /** There is no answer. @returns whether that is told to the client here, as far as it still can be */
  async fail(error: WeirError): Promise<boolean> {
    this.#end();
    if (this.#ticket !== null) {
      this.#ticket.fail(error);
      return true;
    }
    if (this.#trickle === null) return false;
    this.#trickle.cut(error);
    await this.#sending.catch(() => {});
    return true;
  }

  /** The transaction has ended. */
  done(): void {
    this.#onDone?.();
  }

  #end(): void {
    this.#over = true;
    this.#patience.deadlines.delete(this);
  }

  /** Gives the client a ticket instead of the answer. False where there is no room. */
  #admit(way: 'page' | 'accepted'): boolean {
    const { visitor, url, request, transaction, respond } = this.#setup;
    const ticket = this.#patience.room.admit(
      {
        ...{ visitor, url, transaction, headers: request.headers },
        ...{ cancellation: this.cancellation, body: this.#origin },
      },
      this.#settings,
    );
    if (ticket === null) return false;
    this.#ticket = ticket;
    this.#patience.room.track(new Promise((resolve) => (this.#onDone = resolve)));
    this.waited = way;
    const audience = way === 'page' ? 'html' : programAudience(request);
    // A client that has left meanwhile may come back for it.
    this.waitedAt = performance.now();
    respond(waitingAnswer(ticket, request, audience)).catch(() => {});
    return true;
  }

  async #startTrickle(): Promise<void> {
    const head = this.#head;
    const held = this.#held;
    if (head === null || held === null || !mayGoAhead(head.headers)) return;
    const start = await held.peek(0, START);
    if (this.#over || this.#trickle !== null) return;
    if (start.length < START) {
      this.deadlineAt = performance.now(); // nothing has come yet: looked at again
      return;
    }
    if (isScript(start)) return;
    const facts = readHeaderFacts(head.headers);
    const length = facts.contentLength;
    const { deadlines } = this.#patience;
    const { rateBytes, tailBytes } = this.#settings;
    const trickle = new Trickle(this.#held!, { deadlines, rateBytes, tailBytes, length });
    this.#trickle = trickle;
    this.waited = 'trickle';
    this.waitedAt = performance.now();
    this.#sentHead = {
      ...{ status: head.status, reason: head.reason, headers: facts.endToEnd },
      ...{ body: trickle.body, contentLength: length, trailer: facts.trailer },
    };
    this.#sending = this.#setup.respond(this.#sentHead);
    this.#sending.catch(() => {}); // whoever finishes hears of it
  }
}

/** The same answer but for what may differ: the length, which its writer holds to, and who passed it on. */
function isSameHead(sent: Answer, now: Answer): boolean {
  return sent.status === now.status && comparable(sent.headers) === comparable(now.headers);
}

function comparable(headers: RawHeaders): string {
  const lines: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase();
    if (name !== 'via' && name !== 'content-length') lines.push(`${name}: ${headers[at + 1]!}`);
  }
  return lines.sort().join('\n');
}

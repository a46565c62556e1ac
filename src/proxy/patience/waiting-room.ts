// The answers that wait for their clients, and who they belong to: the address and user that asked first,
// with a ticket that nobody can guess, or with the same request. Bounded in number and time. What a visitor
// gets is visit.ts.

import { createHash, randomBytes } from 'node:crypto';
import { HttpError } from '../../errors.ts';
import { fieldValues } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';
import type { Deadlines } from '../../util/deadlines.ts';
import type { PatienceSettings } from './settings.ts';
import type { TicketOptions } from './ticket.ts';
import { Ticket } from './ticket.ts';

const TICKET_BYTES = 16;
const MAX_OF_CLIENT = 16; // tickets
const CLOSE_MS = 500; // for what was given up to end

/** Who asks. */
export interface Visitor {
  readonly client: string;
  readonly user: string | null;
}

export interface Admission {
  readonly visitor: Visitor;
  /** As asked for, absolute. */
  readonly url: string;
  readonly headers: RawHeaders;
  readonly transaction: string;
  readonly cancellation: TicketOptions['cancellation'];
  readonly body: TicketOptions['body'];
}

export class WaitingRoom {
  readonly #deadlines: Deadlines;
  readonly #tickets = new Map<string, Ticket>();
  readonly #byKey = new Map<string, Ticket>();
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  /** Tickets that are worth something. */
  get size(): number {
    return this.#tickets.size;
  }

  /** A new ticket; null where there is no room. */
  admit(admission: Admission, { files, ticketMs, spool }: PatienceSettings): Ticket | null {
    const { visitor, url, headers, transaction, cancellation, body } = admission;
    if (this.#closed || !this.#makeRoom(visitor, files)) return null;
    const ticket = new Ticket({
      ...{ url, transaction, cancellation, body, spool, lifeMs: ticketMs },
      ...{ client: visitor.client, user: visitor.user },
      id: randomBytes(TICKET_BYTES).toString('base64url'),
      key: keyOf(visitor, url, headers),
      onExpired: (it) => this.#remove(it, 'nobody has asked for the answer for too long'),
    });
    this.#tickets.set(ticket.options.id, ticket);
    this.#byKey.set(ticket.options.key, ticket);
    this.#deadlines.add(ticket);
    return ticket;
  }

  /** The ticket of that id, if it is this visitor's; null otherwise, for whatever reason. */
  find(id: string, visitor: Visitor): Ticket | null {
    const ticket = this.#tickets.get(id);
    return ticket !== undefined && isOf(ticket, visitor) ? ticket : null;
  }

  /** What the same visitor waits for, or has not fetched yet, with the same request. */
  findSame(visitor: Visitor, url: string, headers: RawHeaders): Ticket | null {
    return this.#byKey.size === 0 ? null : (this.#byKey.get(keyOf(visitor, url, headers)) ?? null);
  }

  /** All of it has been delivered: the same request is a new one from now on, the ticket still holds. */
  delivered(ticket: Ticket): void {
    ticket.delivered = true;
    this.#forgetKey(ticket);
  }

  /** A transaction goes on without its client until `done`; a stop waits for it. */
  track(done: Promise<void>): void {
    this.#running.add(done);
    void done.finally(() => this.#running.delete(done));
  }

  /**
   * Gives up all scans and frees all answers: nobody could fetch them any more. Resolves when their
   * transactions have ended, or at the latest after `graceMs` and a little.
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    for (const ticket of [...this.#tickets.values()]) this.#remove(ticket, 'Weir is stopping');
    if (this.#running.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs + CLOSE_MS);
    });
    await Promise.race([Promise.all(this.#running), late]);
    clearTimeout(timer);
  }

  /** What was delivered goes first; what somebody still waits for stays. */
  #makeRoom(visitor: Visitor, files: number): boolean {
    const own = [...this.#tickets.values()].filter((ticket) => isOf(ticket, visitor));
    if (own.length >= MAX_OF_CLIENT && !this.#dropDelivered(own)) return false;
    return this.#tickets.size < files || this.#dropDelivered(this.#tickets.values());
  }

  #dropDelivered(tickets: Iterable<Ticket>): boolean {
    for (const ticket of tickets) {
      if (!ticket.delivered) continue;
      this.#remove(ticket, 'another answer needs its place');
      return true;
    }
    return false;
  }

  #remove(ticket: Ticket, why: string): void {
    this.#tickets.delete(ticket.options.id);
    this.#forgetKey(ticket);
    this.#deadlines.delete(ticket);
    ticket.end(new HttpError('ERR_ABORTED', why));
  }

  #forgetKey(ticket: Ticket): void {
    if (this.#byKey.get(ticket.options.key) === ticket) this.#byKey.delete(ticket.options.key);
  }
}

function isOf({ options }: Ticket, { client, user }: Visitor): boolean {
  return options.client === client && options.user === user;
}

/** Behind one address there may be several people: what logs them in to the site has to be the same too. */
function keyOf({ client, user }: Visitor, url: string, headers: RawHeaders): string {
  const hash = createHash('sha256');
  const facts = [client, user, url, fieldValues(headers, 'cookie'), fieldValues(headers, 'authorization')];
  return hash.update(JSON.stringify(facts)).digest('base64');
}

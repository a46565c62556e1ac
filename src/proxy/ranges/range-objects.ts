// Requests for a part of an object, at a proxy whose services judge whole ones: the object is fetched once,
// judged once, and every part is served from what was judged. Decides when that is not possible and the part
// comes from the origin. The answers are range-answer.ts, what is kept object-store.ts. RFC 9110 §14.

import { HttpError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import { readHeaderFacts } from '../../http/framing.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RawHeaders, ResponseHead } from '../../icap/codec/http-head.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import type { OriginResponse } from '../origin/engine.ts';
import { parseRanges } from './byte-ranges.ts';
import { Flight } from './flight.ts';
import type { ObjectRequest, ObjectUse } from './object-store.ts';
import { isFor, ObjectStore } from './object-store.ts';
import { rangeAnswer } from './range-answer.ts';
import type { RangeOutcome, RangeSettings, RangeTransaction } from './range-types.ts';
import { SizeGuard } from './size-guard.ts';
import {
  conditionsFor,
  credentialsOf,
  hasConditions,
  isForEverybody,
  isSameObject,
  reuseOf,
  varyingValues,
  withoutRange,
} from './validators.ts';
import { VerifiedObject } from './verified-object.ts';

type Fetched =
  | {
      readonly kind: 'object';
      readonly object: VerifiedObject;
      readonly objectUse: ObjectUse;
      readonly kept: boolean;
    }
  | { readonly kind: 'response'; readonly response: OriginResponse; readonly headers: RawHeaders }
  | { readonly kind: 'origin' };

const MEMORY = 64 * 1024; // bytes of each object that are kept in memory, at most

export class RangeObjects {
  readonly #settings: RangeSettings;
  readonly #spool: SpoolOptions;
  readonly #store: ObjectStore;
  readonly #flights = new Map<string, Flight<Fetched>>();

  constructor(settings: RangeSettings) {
    this.#settings = settings;
    const { spool, keepMs, totalBytes } = settings;
    this.#spool = { ...spool, memoryBytes: Math.min(spool.memoryBytes, MEMORY) };
    this.#store = new ObjectStore(keepMs, totalBytes);
  }

  /** Services may see a part of an object as if it were one. */
  get showsParts(): boolean {
    return this.#settings.mode === 'fragment';
  }

  /** Objects that are kept now. */
  get kept(): number {
    return this.#store.size;
  }

  /** Whether a request asks for a part that cannot just be passed on. */
  concerns(method: string, headers: RawHeaders): boolean {
    if (method !== 'GET' || this.showsParts) return false;
    const range = fieldValue(headers, 'range');
    return range !== undefined && /^\s*bytes\s*=/i.test(range);
  }

  /** Drops what is kept: it may be judged otherwise from now on, or nobody will ask for it any more. */
  forget(): void {
    this.#store.clear();
  }

  /**
   * Finds out what a request for a part is answered with.
   * @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` where parts are refused; what the fetch or a service failed
   *   with; the reason of the transaction's cancellation
   */
  async run(transaction: RangeTransaction): Promise<RangeOutcome> {
    const { mode } = this.#settings;
    const headers = withoutRange(transaction.headers);
    if (mode === 'block') {
      throw new HttpError('ERR_ADAPT_NOT_SCANNED', 'adaptation.ranges.mode lets no parts pass (range)', {
        reason: 'range',
      });
    }
    const range = fieldValue(transaction.headers, 'range')!;
    // What is not well-formed does not count (§14.2), and the origin may not see it in another way.
    if (mode === 'strip' || parseRanges(range) === null) {
      return { kind: 'send', headers, record: { object: null, use: 'stripped' } };
    }
    const request = this.#requestOf(transaction, headers);
    if (this.#store.isDirect(request.key)) return fromOrigin(transaction);
    const isConditional = hasConditions(headers);
    const kept = this.#store.find(request);
    const now = Date.now();
    if (kept !== null && !isConditional) {
      const { origin, receivedAt } = kept.facts;
      if (reuseOf(origin.headers, receivedAt, headers, now) === 'serve') {
        return answered(kept, transaction, 'kept');
      }
    }
    const running = isConditional ? undefined : this.#flights.get(request.key);
    if (running !== undefined && !running.cancelled) {
      const joined = await this.#follow(running, transaction, request);
      if (joined !== null) return joined;
      return this.#lead(transaction, request, kept, false); // it was not for this one
    }
    return this.#lead(transaction, request, kept, !isConditional);
  }

  #requestOf(transaction: RangeTransaction, headers: RawHeaders): ObjectRequest {
    const { place, client, user } = transaction;
    const credentials = credentialsOf(headers);
    const isOwn = credentials !== '' || this.#settings.share === 'client';
    const coding = fieldValue(headers, 'accept-encoding') ?? '';
    return {
      key: [place, coding, user ?? '', credentials, isOwn ? client : ''].join('\n'),
      headers,
      client,
      planFor: (response, length) => transaction.planFor(headers, response, length),
    };
  }

  /** @returns null where what was fetched is not for this transaction */
  async #follow(
    flight: Flight<Fetched>,
    transaction: RangeTransaction,
    request: ObjectRequest,
  ): Promise<RangeOutcome | null> {
    const { outcome, leave } = await flight.join(transaction.cancellation);
    try {
      if (outcome.kind === 'origin') return fromOrigin(transaction);
      if (outcome.kind === 'response' || !isFor(outcome.object, outcome.objectUse, request)) return null;
      return answered(outcome.object, transaction, outcome.kept ? 'kept' : 'joined');
    } finally {
      leave();
    }
  }

  /** @param open  others may join */
  async #lead(
    transaction: RangeTransaction,
    request: ObjectRequest,
    kept: VerifiedObject | null,
    open: boolean,
  ): Promise<RangeOutcome> {
    kept?.retain();
    let held: VerifiedObject | null = null; // for those who have not been answered yet
    const flight: Flight<Fetched> = new Flight(
      async (cancellation) => {
        let used: VerifiedObject | null = null;
        try {
          const outcome = await this.#fetch(transaction, request, kept, cancellation, open);
          if (outcome.kind === 'object') used = outcome.object;
          return outcome;
        } finally {
          if (this.#flights.get(request.key) === flight) this.#flights.delete(request.key);
          if (used !== kept) kept?.release();
          if (cancellation.reason === null) held = used;
          else used?.release();
        }
      },
      () => held?.release(),
    );
    if (open) this.#flights.set(request.key, flight);
    const { outcome, leave } = await flight.join(transaction.cancellation);
    // The response streams on under the flight's cancellation: this transaction stays with it.
    if (outcome.kind === 'response') return outcome;
    try {
      if (outcome.kind === 'origin') return fromOrigin(transaction);
      return answered(outcome.object, transaction, outcome.kept ? 'kept' : 'fetched');
    } finally {
      leave();
    }
  }

  async #fetch(
    transaction: RangeTransaction,
    request: ObjectRequest,
    kept: VerifiedObject | null,
    cancellation: Cancellation,
    mayAsk: boolean,
  ): Promise<Fetched> {
    const { headers } = request;
    const conditions = kept === null || !mayAsk ? null : conditionsFor(kept.facts.origin.headers);
    const sent = conditions === null ? headers : [...headers, ...conditions];
    const response = await transaction.send(sent, cancellation);
    const { facts, body } = response;
    const origin: ResponseHead = { ...response.head, version: '1.1', headers: facts.endToEnd };
    const isKept = kept !== null && isStill(kept, origin, conditions !== null);
    if (isKept) {
      body?.cancel();
      return {
        kind: 'object',
        object: kept,
        objectUse: this.#useOf(kept.facts.origin, request, kept),
        kept: true,
      };
    }
    if (origin.status !== 200 || body === null || transaction.isStream(response)) {
      return { kind: 'response', response, headers };
    }
    const { maxBytes } = this.#settings;
    const length = facts.contentLength;
    const isLeftOut = request.planFor(origin, length) === '';
    if (isLeftOut || (length !== null && length > maxBytes)) {
      body.cancel();
      this.#store.markDirect(request.key);
      return { kind: 'origin' };
    }
    const guard = new SizeGuard(body, maxBytes);
    try {
      return await this.#verified(transaction, request, response, origin, guard.body, cancellation);
    } catch (error) {
      if (!guard.exceeded) throw error;
      this.#store.markDirect(request.key);
      return { kind: 'origin' };
    }
  }

  async #verified(
    transaction: RangeTransaction,
    request: ObjectRequest,
    response: OriginResponse,
    origin: ResponseHead,
    body: Body,
    cancellation: Cancellation,
  ): Promise<Fetched> {
    const receivedAt = Date.now();
    const output = await transaction.adapt(response, request.headers, body, cancellation);
    const { verdict, threat, incident, coverage } = output;
    const facts = {
      id: transaction.id,
      head: output.response === null ? origin : endToEnd(output.response),
      origin,
      announced: response.facts.contentLength,
      verdict: { verdict, threat, incident, coverage },
      receivedAt,
    };
    // A service may add to it: a page in its stead, for one.
    const limit = this.#settings.maxBytes + MEMORY;
    const object = await VerifiedObject.keep(facts, output.body, this.#spool, limit);
    const objectUse = this.#useOf(origin, request, object);
    if (verdict !== 'blocked' && facts.head.status === 200) this.#store.add(request.key, object, objectUse);
    return { kind: 'object', object, objectUse, kept: false };
  }

  #useOf(origin: ResponseHead, request: ObjectRequest, object: VerifiedObject): ObjectUse {
    const { headers, client } = request;
    return {
      client: isForEverybody(headers, origin.headers) ? null : client,
      varying: varyingValues(origin.headers, headers),
      plan: request.planFor(origin, object.facts.announced),
    };
  }
}

/** Without what a service says of its own connection (C-93). */
function endToEnd(head: ResponseHead): ResponseHead {
  return { ...head, headers: readHeaderFacts(head.headers).endToEnd };
}

/** Whether the origin says that a kept object is still the same. */
function isStill(kept: VerifiedObject, { status, headers }: ResponseHead, wasAsked: boolean): boolean {
  if (status === 304) return wasAsked;
  return status === 200 && isSameObject(kept.facts.origin.headers, headers);
}

function answered(
  object: VerifiedObject,
  { headers }: RangeTransaction,
  use: 'fetched' | 'joined' | 'kept',
): RangeOutcome {
  const asked = {
    range: fieldValue(headers, 'range')!,
    ifRange: fieldValue(headers, 'if-range') ?? null,
    reused: use !== 'fetched',
  };
  const { id, verdict } = object.facts;
  return { kind: 'answer', answer: rangeAnswer(object, asked), record: { object: id, use }, verdict };
}

function fromOrigin({ headers }: RangeTransaction): RangeOutcome {
  return { kind: 'send', headers, record: { object: null, use: 'origin' } };
}

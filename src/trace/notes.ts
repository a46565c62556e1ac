// What is noted of one transaction while it runs: references to what exists anyway, and moments. Nothing is
// copied, formatted or redacted here; record.ts does that later, away from the transaction. Times are
// milliseconds of performance.now().

import type { ErrorCode, WeirError } from '../errors.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../icap/codec/http-head.ts';
import type { Finding } from '../icap/findings.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import type { WireExchange, WireNotes } from './wire.ts';

/** A line of the configuration: `path` as `weir check` names it, `text` what it says. */
export interface PolicyLine {
  readonly path: string;
  readonly text: string;
}

/** What followed when a service failed: another one, what the policy says, or an end because the message was lost. */
export type AfterFailure = 'next' | 'bypass' | 'block' | 'lost' | 'cancelled';

const MAX_NOTES = 32; // of each kind that one transaction has

/** Takes traces; the store, or nobody. */
export interface TraceSink {
  /** Bytes of each preview that are kept; 0: none. */
  readonly bodies: number;
  /**
   * Whether the next transaction may be noted in detail. False under load, when its trace would most likely be
   * left out: taking notes costs more than the rest of the trace.
   */
  readonly hasRoom: boolean;
  /** Never throws and never waits. */
  add(record: ProxyRecord, notes: TransactionNotes | null): void;
  /** A transaction that `isEventful` does not name is over and has no room: no record need be made of it. */
  leaveOut(): void;
}

/** What traces are kept for first. */
export function isEventful(verdict: ProxyRecord['verdict']): boolean {
  return verdict !== 'allowed' && verdict !== 'modified';
}

/** What notes keep of an error. */
export interface NotedError {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Notes wait for their place on disk, and must not keep more alive than they say: V8 holds on to the receiver
 * of every frame of an error until somebody reads its stack, so sockets with their buffers would wait too.
 */
function noted(error: WeirError | null): NotedError | null {
  return error === null ? null : { code: error.code, message: error.message };
}

/** One ICAP request on a connection. */
export class ExchangeNote {
  readonly address: string;
  readonly askedAt = performance.now();
  /** A connection was there. */
  connectedAt: number | null = null;
  /** Time to open it; null for one that was open. */
  connectMs: number | null = null;
  /** The first answer began, 100 Continue included. */
  firstByteAt: number | null = null;
  endedAt: number | null = null;
  /** ICAP header as sent. */
  requestHead: string | null = null;
  preview: number | null = null;
  /** Start of the preview, where the configuration asks for it. */
  body: Buffer | null = null;
  answer: { readonly status: number; readonly reason: string; readonly headers: RawHeaders } | null = null;
  error: NotedError | null = null;
  /** Takes the bytes as they are on the wire; null: nobody does. */
  readonly wire: WireExchange | null;
  readonly #bodyLimit: number;

  constructor(address: string, bodyLimit: number, wire: WireExchange | null = null) {
    this.address = address;
    this.wire = wire;
    this.#bodyLimit = bodyLimit;
  }

  /** A head has come: 100 Continue, or the answer. */
  hears({ status, reason, headers }: { status: number; reason: string; headers: RawHeaders }): void {
    this.firstByteAt ??= performance.now();
    if (status !== 100) this.answer = { status, reason, headers };
  }

  /** @param openedMs  time to open the connection; null for one that was open */
  has(openedMs: number | null): void {
    this.connectedAt = performance.now();
    this.connectMs = openedMs;
  }

  /** The attempt is over. */
  ends(preview: number | null, error: WeirError | null): void {
    this.endedAt = performance.now();
    this.preview = preview;
    this.error = noted(error);
  }

  /** Copies the start of a preview, as far as `trace.bodies` allows. */
  sendsPreview(chunks: readonly Buffer[]): void {
    if (this.#bodyLimit === 0 || chunks.length === 0) return;
    const parts: Buffer[] = [];
    let left = this.#bodyLimit;
    for (const chunk of chunks) {
      if (left === 0) break;
      const part = chunk.subarray(0, left);
      parts.push(part);
      left -= part.length;
    }
    this.body = Buffer.concat(parts);
  }
}

/** One service that a message was given to. */
export class ServiceNote {
  readonly service: string;
  readonly askedAt = performance.now();
  endedAt: number | null = null;
  error: NotedError | null = null;
  /** Null where it answered. */
  after: AfterFailure | null = null;
  /** Key of the configuration that decided, e.g. `adaptation.services.scan.onError`. */
  key: string | null = null;
  readonly exchanges: ExchangeNote[] = [];
  /** Of a service in this process: what its blades said; over a connection the answer's fields have it. */
  findings: readonly Finding[] | null = null;
  readonly #bodyLimit: number;
  readonly #wire: WireNotes | null;

  constructor(service: string, bodyLimit: number, wire: WireNotes | null = null) {
    this.service = service;
    this.#bodyLimit = bodyLimit;
    this.#wire = wire;
  }

  /** An ICAP request begins. */
  exchange(address: string): ExchangeNote {
    const wire = this.#wire?.begin(this.service, address) ?? null;
    const note = new ExchangeNote(address, this.#bodyLimit, wire);
    if (this.exchanges.length < MAX_NOTES) this.exchanges.push(note);
    return note;
  }

  ends(error: WeirError | null): void {
    this.endedAt = performance.now();
    this.error = noted(error);
  }
}

/** How a step of the chain ended. */
export interface StepAnswer {
  readonly icapStatus: number;
  readonly icapHeaders: RawHeaders;
  readonly verdict: ProxyRecord['verdict'];
  readonly request: RequestHead | null;
  readonly response: ResponseHead | null;
}

/** One use of one adaptation rule on one message. */
export class StepNotes {
  readonly method: 'REQMOD' | 'RESPMOD';
  /** Service or group. */
  readonly name: string;
  readonly rule: PolicyLine | null;
  /** Key of its `when` that did not fit, or `left out` where the rule is there for that; null: it applied. */
  readonly skipped: string | null;
  readonly startedAt = performance.now();
  readonly services: ServiceNote[] = [];
  answer: StepAnswer | null = null;
  readonly #bodyLimit: number;
  readonly #wire: WireNotes | null;

  constructor(
    method: 'REQMOD' | 'RESPMOD',
    name: string,
    rule: PolicyLine | null,
    skipped: string | null,
    bodyLimit: number,
    wire: WireNotes | null = null,
  ) {
    this.method = method;
    this.name = name;
    this.rule = rule;
    this.skipped = skipped;
    this.#bodyLimit = bodyLimit;
    this.#wire = wire;
  }

  /** The message is given to a service; several may work on it at a time. */
  asks(service: string): ServiceNote {
    const note = new ServiceNote(service, this.#bodyLimit, this.#wire);
    if (this.services.length < MAX_NOTES) this.services.push(note);
    return note;
  }

  /** What followed when a service had failed. @param key  what of the configuration decided it */
  then(service: string, after: AfterFailure, key: string | null = null): void {
    const note = this.services.findLast((asked) => asked.service === service);
    if (note !== undefined) Object.assign(note, { after, key });
  }
}

/** The way to the origin and its answer. */
export class OriginNote {
  readonly authority: string;
  readonly askedAt = performance.now();
  connectedAt: number | null = null;
  way: OriginWay | null = null;
  reused = false;
  answeredAt: number | null = null;
  status: number | null = null;
  error: NotedError | null = null;

  constructor(authority: string) {
    this.authority = authority;
  }

  fails(error: WeirError): void {
    this.error = noted(error);
  }
}

/** A connection to an origin. */
export interface OriginWay {
  readonly address: string | null;
  /** e.g. `TLSv1.3`; null for plain HTTP. */
  readonly tls: string | null;
  readonly connectMs: number;
  /** Absent: bytes are passed through. */
  readonly protocol?: 'HTTP/1.1' | 'HTTP/2';
  /** The parent proxy that it goes through. */
  readonly parent?: string;
}

/** How the tunnel came about that a transaction ran in, or that was all there was. */
export interface TunnelNote {
  readonly authority: string;
  readonly rule: PolicyLine | null;
  /** From CONNECT to its end, or to the first request in it. */
  readonly ms: number;
}

/** Everything that is noted of one transaction. */
export class TransactionNotes {
  readonly bodies: number;
  readonly startedAt: number;
  /** From the client, as it was. Null where no head could be read. */
  readonly request: RequestHead | null;
  tunnel: TunnelNote | null;
  readonly steps: StepNotes[] = [];
  origin: OriginNote | null = null;
  answer: { readonly status: number; readonly reason: string; readonly headers: RawHeaders } | null = null;
  /** When the client got something because the scan took long. */
  waitedAt: number | null = null;
  /** Takes what is said to services; null: nobody does. */
  wire: WireNotes | null = null;

  constructor(
    bodies: number,
    request: RequestHead | null,
    tunnel: TunnelNote | null,
    startedAt = performance.now(),
  ) {
    this.bodies = bodies;
    this.startedAt = startedAt;
    this.request = request;
    this.tunnel = tunnel;
  }

  /** A rule of the point is looked at. */
  step(
    method: 'REQMOD' | 'RESPMOD',
    name: string,
    rule: PolicyLine | null,
    skipped: string | null,
  ): StepNotes {
    const step = new StepNotes(method, name, rule, skipped, this.bodies, this.wire);
    if (this.steps.length < MAX_NOTES) this.steps.push(step);
    return step;
  }
}

/**
 * Notes of a transaction that begins; null where nobody would read them.
 * @param isNeeded  somebody wants them whether or not there is room for its trace
 */
export function notesFor(
  traces: TraceSink | null,
  isNeeded: boolean,
  { head, startedAt }: { readonly head: RequestHead; readonly startedAt: number },
  tunnel: TunnelNote | null,
): TransactionNotes | null {
  if (!isNeeded && (traces === null || !traces.hasRoom)) return null;
  return new TransactionNotes(traces?.bodies ?? 0, head, tunnel, startedAt);
}

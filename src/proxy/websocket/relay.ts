// A WebSocket between a client and an origin, message by message: two lanes, and how the connection ends. A
// Close goes on as it came; a message that may not pass closes both sides with a reason. RFC 6455 §7.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HttpError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { WebSocketRecord } from '../../telemetry/records.ts';
import type { TransactionNotes } from '../../trace/notes.ts';
import { Cancellation } from '../../util/cancellation.ts';
import { worseOf } from '../adaptation/coverage.ts';
import { asWeirError } from '../answers.ts';
import type { ScanOutcome } from '../patience/ticket.ts';
import type { ProxyContext, Session } from '../session.ts';
import { closeStatusOf } from './close-status.ts';
import type { CloseStatus } from './close-status.ts';
import type { Deflate } from './extensions.ts';
import { ABNORMAL_CLOSURE, GOING_AWAY } from './frames.ts';
import type { WebSocketInspection } from './inspection.ts';
import { Lane } from './lane.ts';
import type { LaneJudge } from './lane.ts';
import { MessageJudge } from './message-judge.ts';
import type { Judged } from './message-judge.ts';
import { MessageWriter } from './message-writer.ts';

const NO_STATUS = 1005; // a Close without a code
const PEER_CLOSE_MS = 30_000; // for the other side's Close once one side has sent its own
const OWN_CLOSE_MS = 2_000; // for both where the Close is ours, and for the connections behind a Close

const GONE = new HttpError('ERR_ABORTED', 'the WebSocket is closed');

/** A connection, and the bytes that came with the handshake. */
export interface RelayEnd {
  readonly socket: Duplex;
  readonly rest: Buffer;
}

export interface RelayOptions {
  readonly client: RelayEnd;
  readonly origin: RelayEnd;
  /** Null: nothing is compressed. */
  readonly deflate: Deflate | null;
  readonly context: ProxyContext;
  readonly session: Session;
  readonly inspection: WebSocketInspection;
  readonly serverIp: string | null;
  /** Of the transaction that opened the connection. */
  readonly id: string;
  readonly notes: TransactionNotes | null;
}

interface Side {
  readonly name: 'client' | 'origin';
  readonly socket: Duplex;
  readonly writer: MessageWriter;
}

export class WebSocketRelay {
  /** Grows while it runs. */
  readonly record: WebSocketRecord;
  /** Why it was closed from here; null: it was not. */
  failure: WeirError | null = null;
  readonly #cancellation = new Cancellation();
  readonly #relays: Set<WebSocketRelay>;
  readonly #outgoing: MessageJudge;
  readonly #incoming: MessageJudge;
  readonly #client: Side;
  readonly #origin: Side;
  readonly #fromClient: Lane<Judged>;
  readonly #fromOrigin: Lane<Judged>;
  #closing = false; // from here
  #closes = 0; // lanes whose Close has gone on
  #timer: NodeJS.Timeout | null = null;
  #open = 2; // connections
  #done: () => void = () => {};

  constructor({ client, origin, deflate, inspection, ...rest }: RelayOptions) {
    const { url, host, shape } = inspection;
    this.#relays = rest.context.relays;
    const around = { ...rest, url, host, shape, cancellation: this.#cancellation };
    const none = { messages: 0, bytes: 0, scanned: 0, blocked: 0 };
    this.record = {
      ...{ toOrigin: { ...none }, toClient: { ...none }, compressed: deflate !== null },
      close: { by: null, code: ABNORMAL_CLOSURE },
    };
    this.#outgoing = new MessageJudge(around, 'outgoing');
    this.#incoming = new MessageJudge(around, 'incoming');
    const side = (name: Side['name'], { socket }: RelayEnd): Side => {
      const isOrigin = name === 'origin';
      const compresses = (isOrigin ? deflate?.client : deflate?.server) ?? null;
      return { name, socket, writer: new MessageWriter(socket, isOrigin, compresses) };
    };
    this.#client = side('client', client);
    this.#origin = side('origin', origin);
    const maxBytes = inspection.settings.maxMessageBytes;
    this.#fromClient = new Lane(
      {
        ...{ from: client.socket, first: client.rest, to: this.#origin.writer, maxBytes },
        ...{ masked: true, deflate: deflate?.client ?? null },
      },
      this.#laneJudge(this.#outgoing, this.#client, this.#origin),
    );
    this.#fromOrigin = new Lane(
      {
        ...{ from: origin.socket, first: origin.rest, to: this.#client.writer, maxBytes },
        ...{ masked: false, deflate: deflate?.server ?? null },
      },
      this.#laneJudge(this.#incoming, this.#origin, this.#client),
    );
  }

  /** What inspection came to; the incident is in the record of the message. */
  get outcome(): ScanOutcome {
    const [out, back] = [this.#outgoing, this.#incoming];
    const coverage = worseOf(out.coverage, back.coverage);
    const isOut = out.blocked > 0 || back.verdict === 'allowed';
    return {
      verdict: (isOut ? out : back).verdict,
      threat: out.threat ?? back.threat,
      incident: null,
      coverage,
    };
  }

  /** Resolves when both connections are closed. */
  run(): Promise<void> {
    const done = new Promise<void>((resolve) => (this.#done = resolve));
    this.#relays.add(this);
    this.#watch(this.#client, this.#fromClient, this.#origin);
    this.#watch(this.#origin, this.#fromOrigin, this.#client);
    this.#fromClient.start();
    this.#fromOrigin.start();
    return done;
  }

  #watch({ socket, name }: Side, lane: Lane<Judged>, other: Side): void {
    socket.on('error', () => {}); // `close` follows
    const closed = (): void => {
      if (!lane.hasEnded) {
        this.#endedBy(name, ABNORMAL_CLOSURE);
        this.#cut(other);
      }
      if (--this.#open > 0) return;
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#cancellation.cancel(GONE);
      this.#relays.delete(this);
      this.#settleRecord();
      this.#done();
    };
    if (socket.closed) closed();
    else socket.once('close', closed);
  }

  #laneJudge(judge: MessageJudge, from: Side, to: Side): LaneJudge<Judged> {
    const counts = judge.direction === 'outgoing' ? this.record.toOrigin : this.record.toClient;
    return {
      judge: (part) => judge.judge(part),
      settle: (judged, part) => judge.settle(judged, part),
      drop: (judged) => judge.drop(judged),
      onTooLarge: () => judge.tooLarge(),
      onPassed: (bytes, isWhole) => {
        counts.bytes += bytes;
        if (isWhole) counts.messages++;
      },
      onClose: (payload) => {
        this.#endedBy(from.name, payload.length < 2 ? NO_STATUS : payload.readUInt16BE(0));
        to.writer.close(payload);
        this.#closes++;
        if (this.#closes < 2) return this.#within(PEER_CLOSE_MS);
        this.#client.socket.end();
        this.#origin.socket.end();
        this.#within(OWN_CLOSE_MS);
      },
      onEnd: () => {
        this.#endedBy(from.name, ABNORMAL_CLOSURE);
        to.socket.end();
        this.#within(PEER_CLOSE_MS);
      },
      onFailure: (error) => this.#fail(asWeirError(error), from),
    };
  }

  /** A message may not pass, or cannot be read: both sides are told. */
  #fail(error: WeirError, from: Side): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#cancellation.cancel(error);
    if (error.code === 'ERR_ABORTED') {
      this.#endedBy(from.name, ABNORMAL_CLOSURE);
      this.#cut(this.#client);
      return this.#cut(this.#origin);
    }
    this.failure = error;
    this.#closeBoth(closeStatusOf(error), error);
  }

  /** The proxy stops: both sides are told, and may connect again elsewhere (RFC 6455 §7.4.1). */
  leave(): void {
    if (this.#closing || this.#closes > 0) return;
    this.#closing = true;
    this.#cancellation.cancel(GONE);
    this.#closeBoth({ code: GOING_AWAY, reason: 'the proxy stops' }, GONE);
  }

  #closeBoth({ code, reason }: CloseStatus, error: Error): void {
    this.#endedBy('weir', code);
    this.#client.writer.closeWith(code, reason);
    this.#origin.writer.closeWith(code, reason);
    this.#fromClient.discard(error, () => this.#client.socket.end());
    this.#fromOrigin.discard(error, () => this.#origin.socket.end());
    this.#within(OWN_CLOSE_MS);
  }

  /** What is written leaves; nothing else does. */
  #cut({ socket }: Side): void {
    if (socket instanceof Socket) socket.destroySoon();
    else socket.destroy();
  }

  /** The connections are closed by then, or cut. */
  #within(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#client.socket.destroy();
      this.#origin.socket.destroy();
    }, ms).unref();
  }

  #endedBy(by: 'client' | 'origin' | 'weir', code: number): void {
    if (this.record.close.by !== null) return;
    Object.assign(this.record.close, { by, code });
  }

  #settleRecord(): void {
    const { toOrigin, toClient } = this.record;
    Object.assign(toOrigin, { scanned: this.#outgoing.scanned, blocked: this.#outgoing.blocked });
    Object.assign(toClient, { scanned: this.#incoming.scanned, blocked: this.#incoming.blocked });
  }
}

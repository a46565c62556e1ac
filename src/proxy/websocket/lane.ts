// One direction of a WebSocket: frames in, messages out, each judged before it goes on and all in their order.
// A few messages are judged at a time; beyond that, and while the receiver has no room, nothing is read. What
// judging is, and what happens when a message may not pass, is relay.ts. RFC 6455 §5.4, §5.5.

import type { Duplex } from 'node:stream';
import { HttpError } from '../../errors.ts';
import { Body, BODY_HIGH_WATER } from '../../http/body.ts';
import { Inflater } from './deflate.ts';
import type { DeflateSide } from './extensions.ts';
import type { DataOpcode } from './frames.ts';
import { CLOSE, FrameReader } from './frames.ts';
import type { MessageWriter } from './message-writer.ts';

const SMALL = 1024; // bytes of a chunk
const MAX_WAITING = 8; // messages that are judged, or wait for those before them
const MAX_WAITING_BYTES = 4 * BODY_HIGH_WATER; // of complete ones

/** A message, or a piece of one that is larger than a service is shown. */
export interface Part {
  readonly opcode: DataOpcode;
  /** Of the message, in its direction; the first is 1. */
  readonly message: number;
  /** Of the piece in its message; the first is 1. */
  readonly piece: number;
  /** Null where it is not known yet. */
  readonly length: number | null;
  readonly body: Body;
}

/** Who decides on parts. `Verdict` is its own affair. */
export interface LaneJudge<Verdict> {
  /** Judges a part; several at a time. */
  judge(part: Part): Promise<Verdict>;
  /** What goes on in its place, called in the order of parts. @throws what ends the connection */
  settle(verdict: Verdict, part: Part): Body | null;
  /** The verdict is not wanted any more. */
  drop(verdict: Verdict): void;
  /** A message goes beyond what a service is shown. @throws what ends the connection */
  onTooLarge(): void;
  /** A message has gone on. */
  onPassed(bytes: number, isWhole: boolean): void;
  /** The sender's Close has gone on, in its place behind all messages. */
  onClose(payload: Buffer): void;
  /** The sender sends no more, without a Close. All before has gone on. */
  onEnd(): void;
  /** Nothing of this direction goes on any more. */
  onFailure(error: Error): void;
}

interface Receiving {
  readonly opcode: DataOpcode;
  readonly compressed: boolean;
  readonly message: number;
  /** Bytes of a message that comes in one plain frame; null: not known. */
  readonly length: number | null;
  piece: Piece;
}

interface Piece {
  readonly number: number;
  bytes: number;
  /** What came while it is not being judged; null: `body` takes it. */
  gathered: Buffer[] | null;
  body: Body | null;
  /** Tells the writer whether the message ends with it. */
  ended: ((isLast: boolean) => void) | null;
}

/** Something that goes on when all before it has. */
interface Entry {
  deliver(): Promise<void> | void;
  /** It will not be delivered. */
  drop(): void;
}

/** Why nothing is read. */
const FULL = 1; // enough waits
const HELD = 2; // the message's body has no room
const INFLATING = 4; // there is enough to inflate
const ENDING = 8; // a compressed message is not through yet
const NO_ROOM = 16; // for control frames
/** Nothing is inflated either: a little may become much. */
const INFLATED = FULL | HELD;

export interface LaneOptions {
  readonly from: Duplex;
  /** Bytes that came with the handshake. */
  readonly first: Buffer;
  readonly to: MessageWriter;
  /** Whether the sender masks: it is the client. */
  readonly masked: boolean;
  /** How the sender compresses; null: it does not. */
  readonly deflate: DeflateSide | null;
  /** Bytes of a message that a service is shown at once. */
  readonly maxBytes: number;
}

export class Lane<Verdict> {
  readonly #options: LaneOptions;
  readonly #judge: LaneJudge<Verdict>;
  readonly #reader: FrameReader;
  readonly #inflater: Inflater | null;
  #messages = 0;
  #receiving: Receiving | null = null;
  #queue: Entry[] = [];
  #waitingBytes = 0;
  #delivering = false;
  #stops = 0;
  #over = false; // failed, or told to discard
  #sawEnd = false; // a Close, or the end without one
  #endsLater = false; // the end is here, but not all before it is read
  #onPeerDone: (() => void) | null = null;

  constructor(options: LaneOptions, judge: LaneJudge<Verdict>) {
    this.#options = options;
    this.#judge = judge;
    const { masked, deflate } = options;
    this.#reader = new FrameReader(
      {
        onMessage: (opcode, compressed, length) => this.#begin(opcode, compressed, length),
        onData: (chunk) => this.#data(chunk),
        onMessageEnd: () => this.#messageEnd(),
        onControl: (opcode, payload) => this.#control(opcode, payload),
      },
      masked,
      deflate !== null,
    );
    this.#inflater =
      deflate === null
        ? null
        : new Inflater(deflate, {
            onData: (chunk) => this.#guard(() => this.#take(chunk)),
            onDrain: () => this.#go(INFLATING),
            onEnd: () => {
              this.#guard(() => this.#complete());
              this.#go(ENDING);
            },
            onError: (error) => this.#fail(error),
          });
  }

  /** The sender has sent its last byte, or a Close. */
  get hasEnded(): boolean {
    return this.#sawEnd || this.#endsLater;
  }

  /** Begins to read. */
  start(): void {
    const { from, first } = this.#options;
    from.on('data', (chunk: Buffer) => this.#guard(() => this.#reader.push(chunk)));
    from.on('end', () => this.#senderEnded());
    from.on('close', () => this.#inflater?.close());
    if (first.length > 0) this.#guard(() => this.#reader.push(first));
    if (this.#stops === 0) from.resume();
  }

  /**
   * Lets nothing go on any more, and reads on only for the sender's Close.
   * @param onPeerDone  called when it, or the end of the connection, is here
   */
  discard(reason: Error, onPeerDone: () => void): void {
    this.#give(reason);
    if (this.#sawEnd) return onPeerDone();
    this.#onPeerDone = onPeerDone;
    this.#stops = 0;
    this.#guard(() => this.#reader.resume());
    this.#options.from.resume();
  }

  // --- frames ---

  #begin(opcode: DataOpcode, compressed: boolean, length: number | null): void {
    if (this.#isDone) return;
    const known = compressed ? null : length;
    if (known !== null && known > this.#options.maxBytes) this.#judge.onTooLarge();
    const message = ++this.#messages;
    this.#receiving = { opcode, compressed, message, length: known, piece: newPiece(1) };
  }

  #data(chunk: Buffer): void {
    if (this.#isDone) return;
    if (!this.#receiving!.compressed) return this.#take(chunk);
    if (!this.#inflater!.write(chunk)) this.#stop(INFLATING);
  }

  #messageEnd(): void {
    if (this.#isDone) return;
    if (!this.#receiving!.compressed) return this.#complete();
    this.#stop(ENDING);
    this.#inflater!.end();
  }

  #control(opcode: number, payload: Buffer): void {
    if (this.#sawEnd) return;
    if (opcode === CLOSE) this.#peerEnded(() => this.#judge.onClose(payload));
    else if (!this.#over) {
      const { to } = this.#options;
      to.control(opcode, payload);
      if (to.hasRoom) return;
      this.#stop(NO_ROOM);
      void to.room().then(() => this.#go(NO_ROOM));
    }
  }

  #senderEnded(): void {
    this.#endsLater = this.#stops !== 0;
    if (!this.#endsLater && !this.#sawEnd) this.#peerEnded(() => this.#judge.onEnd());
  }

  #peerEnded(deliver: () => void): void {
    this.#sawEnd = true;
    const { body, ended } = this.#receiving?.piece ?? {};
    this.#receiving = null;
    body?.fail(new HttpError('ERR_ABORTED', 'the sender left in the middle of a message'));
    ended?.(true);
    this.#peerDone();
    this.#enqueue({ deliver, drop() {} });
  }

  /** Nothing that comes is of interest. */
  get #isDone(): boolean {
    return this.#over || this.#sawEnd;
  }

  #peerDone(): void {
    this.#onPeerDone?.();
    this.#onPeerDone = null;
  }

  // --- messages ---

  /** Payload of the message, readable. */
  #take(chunk: Buffer): void {
    const { maxBytes } = this.#options;
    let rest = chunk;
    while (rest.length > 0 && !this.#over) {
      const receiving = this.#receiving!;
      if (receiving.piece.bytes === maxBytes) this.#nextPiece(receiving);
      const { piece } = receiving;
      const taken = rest.subarray(0, maxBytes - piece.bytes);
      rest = rest.subarray(taken.length);
      piece.bytes += taken.length;
      if (piece.gathered === null) {
        if (!piece.body!.push(taken)) this.#stop(HELD);
      } else {
        gather(piece.gathered, taken);
        if (piece.bytes >= BODY_HIGH_WATER) this.#showEarly(receiving, piece, piece.gathered);
      }
    }
  }

  /** The message is long: what is here is judged while the rest comes. */
  #showEarly(receiving: Receiving, piece: Piece, gathered: readonly Buffer[]): void {
    const { length } = receiving;
    const known = length !== null && length <= this.#options.maxBytes ? length : null;
    const body = new Body({ resume: () => this.#go(HELD), cancel: () => this.#go(HELD) }, known);
    const isLast = new Promise<boolean>((resolve) => (piece.ended = resolve));
    piece.body = body;
    piece.gathered = null;
    for (const chunk of gathered) if (!body.push(chunk)) this.#stop(HELD);
    this.#show(receiving, piece, body, known, isLast);
  }

  #nextPiece(receiving: Receiving): void {
    const { piece, length } = receiving;
    if (piece.number === 1 && length === null) this.#judge.onTooLarge();
    this.#endPiece(receiving, false);
    receiving.piece = newPiece(piece.number + 1);
  }

  #complete(): void {
    const receiving = this.#receiving!;
    this.#receiving = null;
    this.#endPiece(receiving, true);
  }

  #endPiece(receiving: Receiving, isLast: boolean): void {
    const { piece } = receiving;
    this.#waitingBytes += piece.bytes;
    if (piece.gathered === null) {
      piece.body!.end();
      piece.ended!(isLast);
      this.#go(HELD); // it has no use for more
    } else this.#show(receiving, piece, Body.of(...piece.gathered), piece.bytes, isLast);
    if (this.#isFull) this.#stop(FULL);
  }

  /** Has a part judged, and sent once all before it are. */
  #show(
    { opcode, compressed, message }: Receiving,
    piece: Piece,
    body: Body,
    length: number | null,
    isLast: boolean | Promise<boolean>,
  ): void {
    const part: Part = { opcode, message, piece: piece.number, length, body };
    const judged = this.#judge.judge(part);
    const drop = (): void => void judged.then((verdict) => this.#judge.drop(verdict)).catch(() => {});
    judged.catch(() => {}); // looked at when it is its turn
    const deliver = async (): Promise<void> => {
      const verdict = await judged;
      if (this.#over) return this.#judge.drop(verdict);
      const passed = this.#judge.settle(verdict, part);
      const sent = await this.#options.to.send(passed, { opcode, compressed, isLast });
      const isWhole = await isLast;
      this.#waitingBytes -= piece.bytes;
      if (!this.#over) this.#judge.onPassed(sent, isWhole);
    };
    this.#enqueue({ deliver, drop });
  }

  // --- order ---

  get #isFull(): boolean {
    return this.#queue.length >= MAX_WAITING || this.#waitingBytes >= MAX_WAITING_BYTES;
  }

  #enqueue(entry: Entry): void {
    if (this.#over) return entry.drop();
    this.#queue.push(entry);
    if (!this.#delivering) void this.#deliver();
  }

  async #deliver(): Promise<void> {
    this.#delivering = true;
    try {
      while (!this.#over && this.#queue.length > 0) {
        await this.#queue[0]!.deliver();
        this.#queue.shift();
        if (!this.#isFull) this.#go(FULL);
      }
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#delivering = false;
  }

  #stop(reason: number): void {
    if (this.#over) return;
    this.#stops |= reason;
    this.#reader.stop();
    this.#options.from.pause();
    if ((reason & INFLATED) !== 0) this.#inflater?.pause();
  }

  #go(reason: number): void {
    if ((this.#stops & reason) === 0) return;
    this.#stops &= ~reason;
    if ((reason & INFLATED) !== 0 && (this.#stops & INFLATED) === 0) this.#inflater?.resume();
    if (this.#stops !== 0) return;
    this.#guard(() => this.#reader.resume());
    if (this.#stops !== 0) return;
    this.#options.from.resume();
    if (this.#endsLater) this.#senderEnded();
  }

  // --- endings ---

  #guard(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#over) {
      this.#peerDone(); // what follows cannot be read: no Close will be
      return;
    }
    this.#give(error);
    this.#judge.onFailure(error);
  }

  #give(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    const { body, ended } = this.#receiving?.piece ?? {};
    this.#receiving = null;
    body?.fail(reason);
    ended?.(true);
    for (const entry of this.#queue.slice(this.#delivering ? 1 : 0)) entry.drop();
    this.#queue = [];
    this.#inflater?.close();
  }
}

/** From the ninth on, small chunks are copied together: a buffer costs more than the few bytes in it. */
function gather(chunks: Buffer[], chunk: Buffer): void {
  const last = chunks.at(-1);
  if (chunks.length < 8 || chunk.length >= SMALL) chunks.push(chunk);
  else if (last !== undefined && last.length >= SMALL) chunks.push(Buffer.from(chunk));
  else chunks[chunks.length - 1] = Buffer.concat([last!, chunk]);
}

function newPiece(number: number): Piece {
  return { number, bytes: 0, gathered: [], body: null, ended: null };
}

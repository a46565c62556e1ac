// Takes the body of a request out of node's IncomingMessage before anybody reads it, and puts another one
// in: handlers, body parsers and proxies go on with the same `req` and see only adapted bytes. Node's HTTP
// parser hands bytes over by `req.push`, and asks for more by `req._read`; these two are what is replaced.

import { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { HttpError } from '../errors.ts';
import { Body } from '../http/body.ts';

const MAX_DRAIN = 1024 * 1024; // bytes of an unwanted body that are read for the connection's sake

type Push = (chunk: unknown, encoding?: BufferEncoding) => boolean;
const pushOfStream = Readable.prototype.push as Push;

/** True when the framing fields announce a body, be it an empty one in chunks. */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** Two in a row would take the parser's bytes from each other. */
const taken = new WeakSet<IncomingMessage>();

export class TakenRequestBody {
  /** What the client sends. */
  readonly original: Body;
  readonly #req: IncomingMessage;
  #complete: boolean;
  #given: Body | null = null;
  #handlerReads = false;
  #dropped = false;
  #droppedBytes = 0;

  /** @throws {HttpError} `ERR_EMBED_BODY_READ` when somebody has begun to read the body */
  constructor(req: IncomingMessage) {
    if (taken.has(req)) {
      throw new HttpError('ERR_EMBED_BODY_READ', 'the body of the request goes through REQMOD already');
    }
    if (req.readableDidRead || req.readableFlowing === true || req.readableEnded) {
      throw new HttpError('ERR_EMBED_BODY_READ', 'the body of the request was read before it was adapted');
    }
    taken.add(req);
    this.#req = req;
    const length = req.headers['content-length'];
    this.original = new Body(
      { resume: () => this.#readOn(), cancel: () => this.#readOn() },
      length === undefined ? null : Number(length),
    );
    this.#complete = req.complete;
    const early = takeBuffered(req);
    req.push = (chunk: unknown): boolean => this.#received(chunk as Buffer | null);
    req._read = () => this.#wanted();
    // After 'end' this changes nothing.
    req.once('close', () => {
      this.original.fail(new HttpError('ERR_ABORTED', 'the client closed the connection'));
    });
    if (early !== null) this.original.push(early);
    if (this.#complete) this.original.end();
  }

  /** Lets handlers read `body` from the request; null: an empty one. To be called once. */
  give(body: Body | null): void {
    const req = this.#req;
    if (body === null) {
      this.original.cancel();
      this.#endOfStream();
      return;
    }
    this.#given = body;
    body.consume({
      onData: (chunk) => pushOfStream.call(req, chunk),
      onEnd: () => this.#endOfStream(),
      onError: (error) => void req.destroy(error),
    });
  }

  /** Nobody will read the body: what is left of it is read and dropped, or, if much, the connection closed. */
  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#given?.cancel();
    this.original.cancel();
    if (this.#complete) this.#endOfStream();
    this.#req.resume();
    this.#readOn();
  }

  /** The answer is out: a body that the handler has left alone must not hold the connection up. */
  answered(): void {
    if (!this.#handlerReads) this.drop();
  }

  /** Bytes from the parser; null at the end of the message. */
  #received(chunk: Buffer | null): boolean {
    if (chunk !== null) {
      if (!this.original.settled) return this.original.push(chunk);
      this.#droppedBytes += chunk.length;
      if (this.#droppedBytes > MAX_DRAIN) this.#req.destroy();
      return true;
    }
    this.#complete = true;
    this.original.end();
    if (this.#dropped) this.#endOfStream();
    return false;
  }

  #wanted(): void {
    if (this.#dropped) return this.#readOn();
    this.#handlerReads = true;
    this.#given?.resume();
  }

  /** Lets the parser go on where `push` has answered false. */
  #readOn(): void {
    if (!this.#req.destroyed) IncomingMessage.prototype._read.call(this.#req, 0);
  }

  #endOfStream(): void {
    if (!this.#req.readableEnded && !this.#req.destroyed) pushOfStream.call(this.#req, null);
  }
}

/**
 * What has arrived before we came, in middleware that runs late. A stream that was given its end cannot be
 * continued, so its state is made anew, as IncomingMessage itself makes it.
 */
function takeBuffered(req: IncomingMessage): Buffer | null {
  const size = req.readableLength;
  if (size === 0 && !req.complete) return null;
  const highWaterMark = req.readableHighWaterMark;
  const bytes = size === 0 ? null : (req.read(size) as Buffer | null);
  // The old state is empty and ended now, and would emit `end` in the next tick: not with a byte in it.
  if (req.complete && size > 0) req.unshift(Buffer.alloc(1));
  (Readable as unknown as (this: IncomingMessage, options: object) => void).call(req, { highWaterMark });
  return bytes;
}

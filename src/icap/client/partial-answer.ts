// The body of a 206: what the server sent, then the original from the byte that its last chunk names. The
// original stays where it is until that chunk is here; nothing is copied. K-35; C-64, C-65, C-68.

import { IcapError, printable } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import type { HeldBody } from '../../http/held-body.ts';
import { joinBodies } from '../../http/joined-body.ts';
import type { RawHeaders } from '../codec/http-head.ts';

export interface PartialAnswerOptions {
  /** The body that the server sends. */
  readonly prefix: Body;
  readonly original: HeldBody;
  /** `use-original-body` of the last chunk; asked once the prefix has ended. Null: nothing is appended. */
  readonly offset: () => number | null;
  /** The original must be had back if the answer breaks off, until `giveUpOriginal`. */
  readonly keepsOriginal: boolean;
  /** The prefix is here whole, but what it says of the original cannot be done. */
  readonly onInvalid: (error: WeirError) => void;
}

/** An answer whose last chunk is still to come. */
export class PartialAnswer {
  readonly body: Body;
  readonly #options: PartialAnswerOptions;
  #keeps: boolean;
  #current: Body;
  #ended = false;
  #used = false; // the original is part of the answer

  constructor(options: PartialAnswerOptions) {
    const { prefix } = options;
    this.#options = options;
    this.#keeps = options.keepsOriginal;
    this.#current = prefix;
    this.body = new Body({
      resume: () => this.#current.resume(),
      cancel: (reason) => {
        this.#current.cancel(reason);
        if (this.#used || !this.#keeps) options.original.release(reason);
      },
    });
    prefix.consume({
      onData: (chunk) => this.body.push(chunk),
      onEnd: (trailers) => this.#append(trailers),
      onError: (error) => this.#fail(error),
    });
  }

  /** The answer is safe, or nobody could take the original any more: it is kept for the answer alone. */
  giveUpOriginal(): void {
    this.#keeps = false;
    if (this.#ended && !this.#used) this.#options.original.release();
  }

  #append(trailers: RawHeaders): void {
    if (this.body.settled) return; // not wanted any more
    this.#ended = true;
    const { original } = this.#options;
    const from = this.#options.offset();
    if (from === null) {
      if (!this.#keeps) original.release();
      return this.body.end(trailers);
    }
    const size = knownSize(original);
    if (size !== null && from > size) return this.#refuse(pastTheEnd(from, size));
    this.#used = true;
    let skipped = 0;
    const rest = original.restream();
    this.#current = rest;
    rest.consume({
      onData: (chunk) => {
        const skip = Math.min(chunk.length, from - skipped);
        skipped += skip;
        return skip === chunk.length || this.body.push(skip === 0 ? chunk : chunk.subarray(skip));
      },
      onEnd: (own) => {
        // A length that was not known before: what went on is not the message that was meant.
        if (skipped < from) this.#refuse(pastTheEnd(from, skipped));
        else this.body.end(trailers.length > 0 ? trailers : own);
      },
      onError: (error) => this.#fail(error),
    });
  }

  #refuse(error: WeirError): void {
    this.#options.onInvalid(error);
    this.#fail(error);
  }

  #fail(error: Error): void {
    if (this.#used || !this.#keeps) this.#options.original.release(error);
    this.body.fail(error);
  }
}

/**
 * The body of a 206 that is here whole, its last chunk included. Takes the original.
 * @param announced  Content-Length of the answer, if it has one
 * @returns null where nothing of the original is used
 * @throws {IcapError} `ERR_ADAPT_PROTOCOL`: the offset lies behind the end of the original (C-65), or the body
 *         has another length than is announced (C-37); the original is still there then
 */
export function assembledNow(
  prefix: Body,
  original: HeldBody,
  from: number,
  announced: string | undefined,
): Body | null {
  const size = knownSize(original);
  if (size !== null && from > size) throw pastTheEnd(from, size);
  if (size !== null && announced !== undefined) {
    const bytes = prefix.queuedBytes + size - from;
    if (Number(announced) !== bytes) {
      const text = `the ICAP server's body has ${bytes} bytes, its Content-Length says ${printable(announced)}`;
      throw new IcapError('ERR_ADAPT_PROTOCOL', text, { icapStatus: 206 });
    }
  }
  if (size === from) return null;
  return joinBodies(prefix.queuedBytes === 0 ? null : prefix, original.restream(), from);
}

/** Whether `assembledNow` can judge and join a prefix that has ended. */
export function canAssembleNow(prefix: Body, original: HeldBody): boolean {
  return knownSize(original) !== null && prefix.trailers.length === 0;
}

function knownSize(original: HeldBody): number | null {
  return original.size ?? original.declaredLength;
}

function pastTheEnd(from: number, size: number): IcapError {
  const text = `use-original-body is ${from}, but the original has ${size} bytes`;
  return new IcapError('ERR_ADAPT_PROTOCOL', text, { icapStatus: 206 });
}

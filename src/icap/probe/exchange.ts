// One OPTIONS, REQMOD or RESPMOD as a careful client does it: preview, 100 Continue, the rest, and the
// answer read while the body is still going out. Decides what is sent and what the adapted message is;
// whether an answer was legal is answer-rules.ts. RFC 3507 §4.5, §4.6; K-10, K-30 … K-40.

import { IcapError, isWeirError } from '../../errors.ts';
import { chunkExtension, LAST_CHUNK, LAST_CHUNK_IEOF } from '../codec/chunked.ts';
import type { RawHeaders } from '../codec/fields.ts';
import { encodeWithBody, formatIcapMessage } from '../codec/serializer.ts';
import { faultOf, noteAnswer } from './answer-rules.ts';
import type { ProbeBody } from './body-source.ts';
import { requestStart } from './target.ts';
import type { ProbeTarget, WireClient, WireResponse } from './wire-client.ts';

const PIECE = 64 * 1024; // bytes of a chunk
const MAX_RESULT = 64 * 1024 ** 3; // bytes of an adapted body

export interface ProbeMessage {
  readonly method: 'REQMOD' | 'RESPMOD';
  /** ICAP fields besides Host, User-Agent, Allow, Preview and Encapsulated. */
  readonly icapFields: RawHeaders;
  /** Start line to closing blank line, latin-1. */
  readonly requestHeader: string;
  readonly responseHeader: string | null;
  readonly body: ProbeBody | null;
  /** Bytes to offer; null sends no preview. */
  readonly preview: number | null;
  /** Tokens of Allow; none sends no Allow. */
  readonly allow: readonly string[];
}

/** Where the adapted body goes. */
export type BodyTaker = (piece: Buffer) => void | Promise<void>;

export interface ProbeOutcome {
  /** The final answer. */
  readonly answer: WireResponse;
  /** The server asked for the rest with 100 Continue. */
  readonly continued: boolean;
  /** Null without preview. */
  readonly preview: { readonly offered: number; readonly sent: number; readonly ieof: boolean } | null;
  /** Bytes of the body that were sent. */
  readonly bodySent: number;
  /** The answer was complete before the body was sent. */
  readonly early: boolean;
  /** What the adapted message's body is made of: only the original, only new bytes, or new ones and a part. */
  readonly assembled: 'original' | 'new' | 'both' | 'none';
  /** Bytes of the adapted body that were given to the taker; 0 where `assembled` is `none`. */
  readonly resultBytes: number;
  /** Oddities of grammar and of dialogue, with their conformance ids. */
  readonly notes: readonly string[];
  /** Why a client cannot use the answer; null for one that it can use. */
  readonly fault: string | null;
  /** From the first byte sent to the first byte received. */
  readonly firstByteMs: number;
  /** From the first byte sent to the end of the answer. */
  readonly ms: number;
}

/**
 * Asks for OPTIONS.
 * @throws {IcapError} as `WireClient` does
 */
export async function probeOptions(
  client: WireClient,
  target: ProbeTarget,
  allow: readonly string[],
  fields: RawHeaders,
): Promise<WireResponse> {
  const all = allow.length === 0 ? fields : ['Allow', allow.join(', '), ...fields];
  await client.send(`${requestStart('OPTIONS', target, all)}\r\n`);
  return await client.readResponse({ method: 'OPTIONS' });
}

/**
 * Sends one message and follows the dialogue to its end.
 *
 * @param take  gets the adapted body, whether it comes from the answer or is the original (204, 206)
 * @throws {IcapError} as `WireClient` and `ProbeBody` do, and `ERR_PROBE_PROTOCOL` for a 100 that makes it
 *         impossible to go on
 */
export async function probeMessage(
  client: WireClient,
  target: ProbeTarget,
  message: ProbeMessage,
  take: BodyTaker,
): Promise<ProbeOutcome> {
  return await new Exchange(client, target, message, take).run();
}

class Exchange {
  readonly #client: WireClient;
  readonly #target: ProbeTarget;
  readonly #message: ProbeMessage;
  readonly #take: BodyTaker;
  readonly #notes: string[] = [];
  #bodySent = 0;
  #bodyDone = false;
  #answered = false;
  #resultBytes = 0;

  constructor(client: WireClient, target: ProbeTarget, message: ProbeMessage, take: BodyTaker) {
    this.#client = client;
    this.#target = target;
    this.#message = message;
    this.#take = take;
  }

  async run(): Promise<ProbeOutcome> {
    const startedAt = performance.now();
    const { body, preview: offered } = this.#message;
    let preview: ProbeOutcome['preview'] = null;
    let continued = false;
    let answer: WireResponse;
    if (body === null || offered === null) {
      await this.#client.send(this.#head());
      answer = await this.#readWhileSending();
    } else {
      preview = await this.#sendPreview(body, offered);
      answer = await this.#read(true);
      if (answer.status === 100) {
        if (preview.ieof) this.#notes.push('C-46 100 Continue although the preview was the whole body');
        else continued = true;
        this.#notes.push(...answer.notes.map((note) => `${note} (in the 100)`));
      }
    }
    const firstByteMs = answer.firstByteMs;
    if (answer.status === 100) answer = continued ? await this.#readWhileSending() : await this.#read(false);
    const early = body !== null && !this.#bodyDone && (preview === null || continued);
    const fault = faultOf(answer, this.#message.method, body?.size ?? 0);
    const assembled = fault === null ? await this.#assemble(answer) : 'none';
    const ms = performance.now() - startedAt;
    const notes = this.#notes;
    noteAnswer(
      { answer, message: this.#message, preview, continued, resultBytes: this.#resultBytes, assembled },
      notes,
    );
    if (this.#client.unreadBytes > 0)
      notes.push(`C-85 ${this.#client.unreadBytes} bytes follow the end of the answer`);
    return {
      ...{ answer, continued, preview, bodySent: this.#bodySent, early, assembled },
      ...{ resultBytes: this.#resultBytes, notes, fault, firstByteMs, ms },
    };
  }

  #head(): string {
    const { method, icapFields, requestHeader, responseHeader, body, preview, allow } = this.#message;
    const fields = [...icapFields];
    if (allow.length > 0) fields.push('Allow', allow.join(', '));
    if (preview !== null) fields.push('Preview', String(preview));
    return formatIcapMessage(requestStart(method, this.#target, fields), {
      requestHeader,
      responseHeader,
      body: body === null ? null : method === 'REQMOD' ? 'req-body' : 'res-body',
    });
  }

  /** Head and preview in one write; `0; ieof` if that is all (C-42). */
  async #sendPreview(body: ProbeBody, offered: number): Promise<NonNullable<ProbeOutcome['preview']>> {
    const piece = await body.read(0, offered);
    const ieof = piece.length === body.size;
    await this.#client.send(
      encodeWithBody(this.#head(), [piece], piece.length, ieof ? LAST_CHUNK_IEOF : LAST_CHUNK),
    );
    this.#bodySent = piece.length;
    this.#bodyDone = ieof;
    return { offered, sent: piece.length, ieof };
  }

  /** The rest of the body goes out while the answer is awaited: a server may answer early (K-40). */
  async #readWhileSending(): Promise<WireResponse> {
    let broken: Error | null = null;
    let settled = false;
    const sending = this.#sendRest()
      .catch((error: unknown) => {
        // A server that went away may have answered before. Anything else ends the exchange: without its
        // end the body may not be closed off (C-39).
        if (isWeirError(error) && error.code === 'ERR_PROBE_CLOSED') return;
        broken = error as Error;
        this.#client.close();
      })
      .finally(() => (settled = true));
    try {
      return await this.#read(false);
    } catch (error) {
      throw broken ?? error;
    } finally {
      this.#answered = true;
      if (!settled) this.#client.close(); // or a server that reads no more would keep us waiting
      await sending;
    }
  }

  async #sendRest(): Promise<void> {
    const { body } = this.#message;
    if (body === null) return;
    while (this.#bodySent < body.size && !this.#answered) {
      const piece = await body.read(this.#bodySent, PIECE);
      await this.#client.send(encodeWithBody('', [piece], piece.length, ''));
      this.#bodySent += piece.length;
    }
    if (this.#bodySent < body.size) return;
    this.#bodyDone = true; // an answer may be here before we hear that this was written
    await this.#client.send(LAST_CHUNK);
  }

  async #read(preview: boolean): Promise<WireResponse> {
    const answer = await this.#client.readResponse({
      method: this.#message.method,
      preview,
      sink: (piece, status) => (isAdapted(status) ? this.#give(piece) : undefined),
    });
    if (answer.status === 100 && !preview) throw unexpectedContinue();
    return answer;
  }

  async #give(piece: Buffer): Promise<void> {
    this.#resultBytes += piece.length;
    if (this.#resultBytes > MAX_RESULT) {
      throw new IcapError('ERR_PROBE_TOO_LARGE', `the adapted body is longer than ${MAX_RESULT} bytes`);
    }
    await this.#take(piece);
  }

  /** Completes the adapted body with what it takes from the original (C-63, C-64). */
  async #assemble(answer: WireResponse): Promise<ProbeOutcome['assembled']> {
    const { body } = this.#message;
    if (answer.status === 204 || (isAdapted(answer.status) && answer.httpHeader === null)) {
      await this.#giveOriginal(body, 0);
      return 'original';
    }
    const from =
      answer.status === 206 ? chunkExtension(answer.lastChunkExtension, 'use-original-body') : undefined;
    if (from === undefined) return 'new';
    await this.#giveOriginal(body, Number(from));
    return 'both';
  }

  async #giveOriginal(body: ProbeBody | null, from: number): Promise<void> {
    if (body === null) return;
    for (let at = from; at < body.size; at += PIECE) await this.#give(await body.read(at, PIECE));
  }
}

/** Statuses whose body is the adapted message's. */
function isAdapted(status: number): boolean {
  return status === 200 || status === 201 || status === 206;
}

function unexpectedContinue(): IcapError {
  return new IcapError(
    'ERR_PROBE_PROTOCOL',
    'the server sent 100 Continue when nothing was left to send (K-34)',
  );
}

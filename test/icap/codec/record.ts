// Runs the message parsers over segments of bytes and writes down what they report: what tests compare
// when the same bytes arrive cut in different places.

import type { WeirError } from '../../../src/errors.ts';
import { isWeirError } from '../../../src/errors.ts';
import type { IcapMethod } from '../../../src/icap/codec/encapsulated.ts';
import type { IcapRequestHead, IcapResponseHead } from '../../../src/icap/codec/head.ts';
import type { BodyEnd, ParserState, Sections } from '../../../src/icap/codec/message-parser.ts';
import { IcapRequestParser, IcapResponseParser } from '../../../src/icap/codec/message-parser.ts';

export interface Recorded<Head> {
  readonly head: Head;
  readonly requestHeader: string | null;
  readonly responseHeader: string | null;
  /** Body bytes, latin-1. */
  body: string;
  /** Offset in `body` where the preview ended and more could follow, or null. */
  previewEndedAt: number | null;
  end: BodyEnd | null;
}

export interface Recording<Head> {
  readonly messages: Recorded<Head>[];
  readonly error: WeirError | null;
  readonly state: ParserState;
}

export interface RecordOptions {
  readonly strict?: boolean;
  /** What the owner decides at the end of a preview. Default: continue. */
  readonly preview?: 'continue' | 'stop';
  /** The parser may overwrite what it has read: it gets copies of the segments. */
  readonly ownsBytes?: boolean;
}

type Parser = IcapRequestParser | IcapResponseParser;
const MAX_STEPS = 100_000; // calls of `execute`

function record<Head>(
  make: (events: {
    onMessage(head: Head, sections: Sections): void;
    onData(chunk: Buffer): void;
    onPreviewEnd(): void;
    onEnd(end: BodyEnd): void;
  }) => Parser,
  segments: readonly Buffer[],
  preview: 'continue' | 'stop',
): Recording<Head> {
  const messages: Recorded<Head>[] = [];
  const kept: { chunk: Buffer; text: string }[] = [];
  const parser = make({
    onMessage(head, { requestHeader, responseHeader }) {
      messages.push({
        head,
        requestHeader: requestHeader?.toString('latin1') ?? null,
        responseHeader: responseHeader?.toString('latin1') ?? null,
        body: '',
        previewEndedAt: null,
        end: null,
      });
    },
    onData(chunk) {
      messages.at(-1)!.body += chunk.toString('latin1');
      kept.push({ chunk, text: chunk.toString('latin1') });
    },
    onPreviewEnd: () => void (messages.at(-1)!.previewEndedAt = messages.at(-1)!.body.length),
    onEnd: (end) => void (messages.at(-1)!.end = end),
  });
  let error: WeirError | null = null;
  let steps = 0;
  try {
    for (const segment of segments) {
      for (let at = 0; at < segment.length;) {
        if (++steps > MAX_STEPS) throw new Error('the parser makes no headway');
        const before = at;
        at = parser.execute(segment, at);
        const stopped = parser.state;
        if (stopped === 'boundary') parser.nextMessage();
        else if (stopped === 'preview-end' && preview === 'continue') parser.continueBody();
        else if (stopped === 'preview-end') {
          parser.endMessage();
          parser.nextMessage();
        } else if (at === before) throw new Error(`nothing is read in state ${stopped}`);
      }
    }
  } catch (thrown) {
    if (!isWeirError(thrown)) throw thrown;
    error = thrown;
  }
  if (kept.some(({ chunk, text }) => chunk.toString('latin1') !== text)) {
    throw new Error('data that was handed on has changed');
  }
  return { messages, error, state: parser.state };
}

/** Bytes of one or more requests, as they arrive. */
export function recordRequests(
  segments: readonly Buffer[],
  { strict = false, preview = 'continue', ownsBytes = false }: RecordOptions = {},
): Recording<IcapRequestHead> {
  const given = ownsBytes ? segments.map((segment) => Buffer.from(segment)) : segments;
  return record<IcapRequestHead>(
    (events) => new IcapRequestParser(events, strict, ownsBytes),
    given,
    preview,
  );
}

/** Bytes of responses to requests of one method. */
export function recordResponses(
  segments: readonly Buffer[],
  method: IcapMethod,
  { strict = false }: RecordOptions = {},
): Recording<IcapResponseHead> {
  return record<IcapResponseHead>(
    (events) => {
      const parser = new IcapResponseParser(events, strict);
      parser.expect(method);
      return parser;
    },
    segments,
    'continue',
  );
}

/** Latin-1 text as bytes. */
export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** One complete request, or the error that it raises. */
export function oneRequest(text: string, options?: RecordOptions): Recorded<IcapRequestHead> {
  const { messages, error } = recordRequests([bytes(text)], options);
  if (error !== null) throw error;
  if (messages.length !== 1 || messages[0]!.end === null) throw new Error('not one complete request');
  return messages[0]!;
}

/** One complete response, or the error that it raises. */
export function oneResponse(
  text: string,
  method: IcapMethod,
  options?: RecordOptions,
): Recorded<IcapResponseHead> {
  const { messages, error } = recordResponses([bytes(text)], method, options);
  if (error !== null) throw error;
  if (messages.length !== 1 || messages[0]!.end === null) throw new Error('not one complete response');
  return messages[0]!;
}

/** Code and ICAP status of the error that a function throws. */
export function refusal(run: () => unknown): { code: string; status: number } {
  try {
    run();
  } catch (error) {
    if (isWeirError(error)) return { code: error.code, status: error.icapStatus };
    throw error;
  }
  throw new Error('nothing was refused');
}

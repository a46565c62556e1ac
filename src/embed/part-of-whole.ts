// A request for a part of an object, in front of handlers that are not ours: they are asked for all of it,
// services judge all of it, and the client gets its part of what was judged. Nothing is kept for the next
// part: what is fetched once for many is the forward proxy's (src/proxy/ranges). RFC 9110 §14.

import type { IncomingMessage } from 'node:http';
import { HttpError } from '../errors.ts';
import { Body } from '../http/body.ts';
import { fieldValue, withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders, ResponseHead } from '../icap/codec/http-head.ts';
import type { ByteRange } from '../proxy/ranges/byte-ranges.ts';
import { contentRange, parseRanges, resolveRanges } from '../proxy/ranges/byte-ranges.ts';
import { ifRangeHolds } from '../proxy/ranges/validators.ts';
import type { ResponseToSend } from './captured-response.ts';

/** `whole`: judged as a whole, served in parts; `strip`: served whole; `fragment`: parts pass as they are. */
export type PartsMode = 'whole' | 'strip' | 'fragment' | 'block';

/** Of the whole content, so they are not true of a part. */
const OF_THE_WHOLE = ['content-length', 'content-range', 'content-md5', 'content-digest', 'digest'];

export class PartOfWhole {
  readonly #range: string;
  readonly #ifRange: string | null;

  private constructor(range: string, ifRange: string | null) {
    this.#range = range;
    this.#ifRange = ifRange;
  }

  /**
   * Takes the wish for a part off a request whose response services will judge.
   *
   * @returns null where nothing is to be cut from its response
   * @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` in mode `block`
   */
  static takenFrom(req: IncomingMessage, mode: PartsMode): PartOfWhole | null {
    const range = req.headers.range;
    if (range === undefined || req.method !== 'GET' || mode === 'fragment') return null;
    if (mode === 'block') {
      throw new HttpError('ERR_ADAPT_NOT_SCANNED', 'parts of objects may not pass (range)', {
        reason: 'range',
      });
    }
    const ifRange = fieldValue(req.rawHeaders, 'if-range') ?? null;
    delete req.headers.range;
    delete req.headers['if-range'];
    req.rawHeaders = withoutField(withoutField(req.rawHeaders, 'range'), 'if-range');
    // What is not well-formed does not count (§14.2), and handlers may not see it in another way.
    return mode === 'strip' || parseRanges(range) === null ? null : new PartOfWhole(range, ifRange);
  }

  /**
   * What the client gets of a judged response. All of it where its length is not known, more than one part was
   * asked for, or it has changed since (If-Range); other answers than 200 as they are.
   *
   * @param head  of the response, with the fields that are to be sent
   */
  of(head: ResponseHead, body: Body | null): ResponseToSend | null {
    const size = body?.declaredLength ?? null;
    if (head.status !== 200 || body === null || size === null) return null;
    const { headers } = head;
    if (this.#ifRange !== null && !ifRangeHolds(this.#ifRange, headers, Date.now())) return null;
    const ranges = resolveRanges(parseRanges(this.#range) ?? [], size);
    if (ranges === null || ranges.length > 1) return null;
    const [range] = ranges;
    if (range === undefined) {
      body.cancel();
      const fields = ['Content-Range', contentRange(null, size), 'Content-Length', '0'];
      return { status: 416, reason: 'Range Not Satisfiable', headers: fields, body: null };
    }
    const kept = OF_THE_WHOLE.reduce<RawHeaders>((rest, name) => withoutField(rest, name), headers);
    const length = String(range.last - range.first + 1);
    return {
      status: 206,
      reason: 'Partial Content',
      headers: [...kept, 'Content-Range', contentRange(range, size), 'Content-Length', length],
      body: cut(body, range),
    };
  }
}

/** The part of a body; what is before it is read and dropped, what is behind it is not read. */
function cut(body: Body, { first, last }: ByteRange): Body {
  const part = new Body(
    { resume: () => body.resume(), cancel: (reason) => body.cancel(reason) },
    last - first + 1,
  );
  let at = 0;
  body.consume({
    onData: (chunk) => {
      const from = at;
      at += chunk.length;
      if (at <= first || from > last) return true;
      const goesOn = part.push(chunk.subarray(Math.max(0, first - from), last + 1 - from));
      if (at <= last) return goesOn;
      part.end();
      body.cancel();
      return true;
    },
    onEnd: () => {
      if (at > last) return;
      part.fail(
        new HttpError('ERR_HTTP_FRAMING', `the body ended at byte ${at}, before its announced length`),
      );
    },
    onError: (error) => part.fail(error),
  });
  return part;
}

// Keeps the values of chosen HTTP fields from an ICAP server: a placeholder goes in their place, and the
// value comes back where the server left the placeholder as it was. A field that it removed stays
// removed, one that it changed stays changed. Done anew for each message; nothing is remembered.

import type { RawHeaders, RequestHead, ResponseHead } from '../codec/http-head.ts';
import { formatRequestHead } from '../codec/http-head.ts';
import type { Adaptation, AdaptationMessage } from './adaptation.ts';

export class Redaction {
  readonly #names: ReadonlySet<string>;

  /** @param names  of HTTP fields, any case */
  constructor(names: readonly string[]) {
    this.#names = new Set(names.map((name) => name.toLowerCase()));
  }

  /** The message as the server may see it; the same object where it carries none of the fields. */
  redacted(message: AdaptationMessage): AdaptationMessage {
    const request = this.#withPlaceholders(message.request);
    const response = message.response === null ? null : this.#withPlaceholders(message.response);
    if (request === message.request && response === message.response) return message;
    return { ...message, request, requestText: formatRequestHead(request), response };
  }

  /**
   * The answer with the values put back. An answer to a request in the origin's stead gets none: what the
   * client said is no part of it.
   */
  restored(adaptation: Adaptation, { method, request, response }: AdaptationMessage): Adaptation {
    if (method === 'REQMOD') {
      const adapted = adaptation.request;
      return adapted === null ? adaptation : { ...adaptation, request: this.#withValues(adapted, request) };
    }
    const adapted = adaptation.response;
    if (adapted === null || response === null) return adaptation;
    return { ...adaptation, response: this.#withValues(adapted, response) };
  }

  /** Trailers without the fields: no secret belongs there (RFC 9110 §6.5.1), and none leaves. */
  withoutFields(trailers: RawHeaders): RawHeaders {
    const kept: RawHeaders = [];
    for (let i = 0; i < trailers.length; i += 2) {
      if (!this.#names.has(trailers[i]!.toLowerCase())) kept.push(trailers[i]!, trailers[i + 1]!);
    }
    return kept;
  }

  #withPlaceholders<Head extends RequestHead | ResponseHead>(head: Head): Head {
    let headers: RawHeaders | null = null;
    for (let i = 0; i < head.headers.length; i += 2) {
      if (!this.#names.has(head.headers[i]!.toLowerCase())) continue;
      headers ??= [...head.headers];
      headers[i + 1] = placeholder(i);
    }
    return headers === null ? head : { ...head, headers };
  }

  #withValues<Head extends RequestHead | ResponseHead>(adapted: Head, original: Head): Head {
    const { headers } = original;
    const restored = [...adapted.headers];
    for (let i = 0; i < restored.length; i += 2) {
      const name = restored[i]!.toLowerCase();
      const place = this.#names.has(name) ? placeOf(restored[i + 1]!) : null;
      // The server may have moved the fields, but not have given one's value to another.
      if (place !== null && headers[place]?.toLowerCase() === name) restored[i + 1] = headers[place + 1]!;
    }
    return { ...adapted, headers: restored };
  }
}

const PREFIX = 'redacted=';

/** Has the form of a cookie, for servers that look. `place`: index of the field's name in the list. */
function placeholder(place: number): string {
  return `${PREFIX}${place / 2}`;
}

function placeOf(value: string): number | null {
  return /^redacted=\d{1,6}$/.test(value) ? Number(value.slice(PREFIX.length)) * 2 : null;
}

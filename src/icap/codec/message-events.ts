// What a message parser reports: heads, sections, bodies and their ends. C-25, C-33, C-64, C-100.

import type { IcapRequestLine } from './head.ts';
import type { RawHeaders } from './http-head.ts';

/** Encapsulated header sections as received, closing blank line included; null where absent. */
export interface Sections {
  readonly requestHeader: Buffer | null;
  readonly responseHeader: Buffer | null;
}

export interface BodyEnd {
  /** The preview held the whole body. */
  readonly ieof: boolean;
  /** Byte offset into the original body that a 206 appends from; null without the extension. */
  readonly useOriginalBody: number | null;
  /** HTTP trailer fields (C-33). */
  readonly trailers: RawHeaders;
  /** Fields of the ICAP trailer of a response; empty where none was agreed on (C-100). */
  readonly icapTrailer: RawHeaders;
}

export interface IcapMessageEvents<Head> {
  /** Request line understood, fields not yet: lets a server choose 404 or 405 before 400 (S-13). */
  onRequestLine?(line: IcapRequestLine): void;
  /** Head and header sections are complete; a body follows if `head.encapsulated.body` is not null. */
  onMessage(head: Head, sections: Sections): void;
  onData(chunk: Buffer): void;
  /** The preview's zero chunk was read and more may follow: nothing is read until the owner decides. */
  onPreviewEnd?(): void;
  /** The message is complete. */
  onEnd(end: BodyEnd): void;
}

export const NO_FIELDS: RawHeaders = [];
/** End of a message without a body. */
export const NO_BODY: BodyEnd = {
  ieof: false,
  useOriginalBody: null,
  trailers: NO_FIELDS,
  icapTrailer: NO_FIELDS,
};

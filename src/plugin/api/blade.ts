// Blades: what they see of a message, and what they are. Who asks them, when and for how long is the gateway's.

import type { Readable } from 'node:stream';
import type { RequestHead, ResponseHead } from '../../icap/codec/http-head.ts';
import type { Verdict } from './verdict.ts';

/** A complete message body, in memory or in a spool file that lives until `inspect` settles. */
export interface BladeBody {
  /** Bytes, still in the message's Content-Encoding. */
  readonly size: number;
  /** The whole body when it is small enough to be held in memory, otherwise null. Do not change it. */
  readonly memory: Buffer | null;
  /** Path of the spool file when `memory` is null. Read only. */
  readonly file: string | null;
  /** The body as a new stream from its first byte; may be called more than once. */
  stream(): Readable;
}

/** The HTTP message that a blade inspects. */
export interface BladeMessage {
  /** `request`: what a client sends (REQMOD); `response`: what it is about to receive (RESPMOD). */
  readonly direction: 'request' | 'response';
  /** Request method, or '' where the ICAP client sent no request header. */
  readonly method: string;
  /** Absolute URL as far as known, or ''. */
  readonly url: string;
  readonly request: RequestHead | null;
  readonly response: ResponseHead | null;
  readonly client: {
    readonly ip: string | null;
    readonly user: string | null;
    readonly groups: readonly string[];
  };
  readonly server: { readonly ip: string | null };
  /** What the profile allows to be spent on the message; a blade heeds the lower of this and its own limit. */
  readonly limits?: {
    /** Levels of archives that are unpacked; null: as the blade has it. */
    readonly depth: number | null;
  };
  /** Null where the message has no body. */
  readonly body: BladeBody | null;
  /** First field of that name in the message being inspected (case-insensitive), or undefined. */
  header(name: string): string | undefined;
}

/** One inspection engine. */
export interface Blade {
  /** Names it in profiles, logs and block pages, e.g. `antivirus`. */
  readonly name: string;
  /**
   * Changes exactly when verdicts may change (rules or engine data reloaded); part of the ISTag.
   * Default: made of the plugin's version and its options.
   */
  fingerprint?(): string;
  /**
   * `content`: verdicts depend on the bytes of the body, its Content-Type and Content-Encoding and the profile's
   * limits, and on nothing else, as long as `fingerprint` stays. They are remembered then, and the blade is
   * not asked about the same content again. `context`: on these, the direction, the URL and the
   * Content-Disposition; it is not asked again about the same content that comes from the same place under the
   * same name. Default `message`: it is asked about every message.
   */
  readonly judges?: 'content' | 'context' | 'message';
  /**
   * Judges one message. A throw or rejection is an error that the profile's `onError` decides.
   * @param signal aborted when the client gave up or the time limit passed: stop working then
   */
  inspect(message: BladeMessage, signal: AbortSignal): Verdict | Promise<Verdict>;
  /**
   * Frees workers and sockets. Called once: at shutdown, or after a reload when the blade that takes its
   * place is at work and the last `inspect` of this one has settled.
   */
  close?(): void | Promise<void>;
}

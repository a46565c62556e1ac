// The public plugin API: what a plugin's default export is, what it may register, what a blade sees
// and returns. Built-in plugins use nothing else. Loading is loader.ts; running blades is src/gateway.

import type { Readable } from 'node:stream';
import type { RequestHead, ResponseHead } from '../icap/codec/http-head.ts';

/** Version of this API; a plugin may compare it with what it was written for. */
export const PLUGIN_API_VERSION = 1;

export type Severity = 'low' | 'medium' | 'high' | 'critical';

export interface AllowVerdict {
  readonly kind: 'allow';
  /** Set when the content was not inspected: why, e.g. `encrypted`, `size`. Logged, never silent. */
  readonly notScanned?: string;
}

export interface BlockVerdict {
  readonly kind: 'block';
  /** Name of what was found, e.g. `EICAR-Test-File`. Shown on the block page and in X-Infection-Found. */
  readonly threat: string;
  readonly severity: Severity;
  /** One sentence for the user, e.g. `found in archive member docs/eicar.com`. */
  readonly reason: string;
}

/**
 * What a blade changes of a message. Content-Length is set to fit. A change of the header fields alone, or of
 * the start of the body, costs no second copy of the body: an ICAP client that can, keeps the original.
 */
export interface ModifyVerdict {
  readonly kind: 'modify';
  /** Replaces header fields (flat name, value list); absent keeps them. */
  readonly headers?: readonly string[];
  /** Replaces the target of a request; absent keeps it. Without effect on a response. */
  readonly target?: string;
  /** Replaces the body; absent keeps it, apart from what `prefix` and `keepFrom` say. */
  readonly body?: Buffer;
  /** Bytes in front of what is kept of the original body, in its Content-Encoding. No body: no effect. */
  readonly prefix?: Buffer;
  /** First byte of the original body that is kept; what stands before it is dropped. Default 0. */
  readonly keepFrom?: number;
}

export type Verdict = AllowVerdict | BlockVerdict | ModifyVerdict;

/** Verdict: nothing wrong was found. `notScanned` names why content went uninspected. */
export function allow(notScanned?: string): AllowVerdict {
  return notScanned === undefined ? { kind: 'allow' } : { kind: 'allow', notScanned };
}

/** Verdict: the message must not pass; the user gets the UserCheck page. */
export function block(found: { threat: string; severity?: Severity; reason: string }): BlockVerdict {
  return { kind: 'block', threat: found.threat, severity: found.severity ?? 'high', reason: found.reason };
}

/**
 * Verdict: pass with other headers, another body, or another start of the body, e.g.
 * `modify({ prefix: Buffer.from('<!-- checked -->') })`.
 * @throws {TypeError} for `body` together with `prefix` or `keepFrom`, a `keepFrom` that is no byte offset, and a
 *         `target` that is empty or not visible ASCII
 */
export function modify(change: Omit<ModifyVerdict, 'kind'>): ModifyVerdict {
  const { body, prefix, keepFrom = 0 } = change;
  if (body !== undefined && (prefix !== undefined || keepFrom !== 0)) {
    throw new TypeError('modify: give either `body`, or `prefix` and `keepFrom`');
  }
  if (!Number.isSafeInteger(keepFrom) || keepFrom < 0) {
    throw new TypeError('modify: `keepFrom` must be a byte offset, 0 or more');
  }
  if (change.target !== undefined && !/^[\x21-\x7e]+$/.test(change.target)) {
    throw new TypeError('modify: `target` must be visible ASCII without blanks');
  }
  return { kind: 'modify', ...change };
}

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
   * not asked about the same content again. Default `message`: it is asked about every message.
   */
  readonly judges?: 'content' | 'message';
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

export interface PluginLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a plugin's `setup` is given. */
export interface PluginContext<Options> {
  readonly options: Options;
  readonly log: PluginLogger;
  /** Folder of the plugin's package, for rules and data that it ships. */
  readonly folder: string;
  /** Registers a blade. */
  blade(blade: Blade): void;
  /**
   * Names a file or folder that `setup` reads, by its absolute path. When it changes, the plugin is set up
   * anew, beside this one, and takes over if that succeeds.
   */
  watch(path: string): void;
  /**
   * The blade of that name, of any plugin that is loaded by then, or null: for content that this plugin made
   * out of a message and that another blade should judge. Ask while inspecting, not in `setup`.
   */
  findBlade?(name: string): Blade | null;
}

/** Anything with `parse`, such as a zod schema: returns the options with defaults, or throws. */
export interface OptionsSchema<Options> {
  parse(value: unknown): Options;
}

export interface PluginDefinition<Options = unknown> {
  readonly name: string;
  readonly version: string;
  readonly options?: OptionsSchema<Options>;
  setup(ctx: PluginContext<Options>): void | Promise<void>;
}

const PLUGIN = Symbol.for('weir.plugin');

/**
 * Makes a plugin's default export.
 * @throws {TypeError} when name, version or setup is missing
 */
export function definePlugin<Options>(definition: PluginDefinition<Options>): PluginDefinition<Options> {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(definition.name ?? '')) {
    throw new TypeError('definePlugin: `name` must be lower-case letters, digits and dashes');
  }
  if (typeof definition.version !== 'string') throw new TypeError('definePlugin: `version` must be a string');
  if (typeof definition.setup !== 'function') throw new TypeError('definePlugin: `setup` must be a function');
  return Object.assign({ [PLUGIN]: PLUGIN_API_VERSION }, definition);
}

/** True for a value made by `definePlugin`, of this or another copy of the package. */
export function isPlugin(value: unknown): value is PluginDefinition {
  return typeof value === 'object' && value !== null && PLUGIN in value;
}

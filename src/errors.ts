// Every failure that Weir names, in one table: what it means, which ICAP and HTTP status it maps to,
// and whether the connection it happened on may go on. The entries are in errors/, a file a group.
// docs/errors.md lists the same codes; a test holds the two equal. Codes are permanent, messages are
// not: match on `code`.

import { HTTP_ERRORS } from './errors/http.ts';
import { ICAP_ERRORS } from './errors/icap.ts';
import { OPERATION_ERRORS } from './errors/operation.ts';
import { PLUGIN_ERRORS } from './errors/plugin.ts';
import { PROXY_ERRORS } from './errors/proxy.ts';
import { TLS_ERRORS } from './errors/tls.ts';

export const ERRORS = {
  ...ICAP_ERRORS,
  ...HTTP_ERRORS,
  ...PROXY_ERRORS,
  ...TLS_ERRORS,
  ...OPERATION_ERRORS,
  ...PLUGIN_ERRORS,
};

export type ErrorCode = keyof typeof ERRORS;

/** Facts that belong to an error: `host`, `service`, `offset`, `path`, … Logged as they stand. */
export type ErrorFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Base of all errors that Weir throws on purpose. Compare `code`; `instanceof` fails across workers. */
export class WeirError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.fields = fields;
  }

  /** ICAP status code that this error maps to. */
  get icapStatus(): number {
    return ERRORS[this.code].icap;
  }

  /** HTTP status code that this error maps to. */
  get httpStatus(): number {
    return ERRORS[this.code].http;
  }

  /** True when the connection may carry another message. */
  get persist(): boolean {
    return ERRORS[this.code].persist;
  }

  /** One sentence on what to do. */
  get remedy(): string {
    return ERRORS[this.code].remedy;
  }
}

/** Broken or refused ICAP message; maps to an ICAP status by `icapStatus`. */
export class IcapError extends WeirError {}
/** Broken or refused HTTP message, or an origin that failed. */
export class HttpError extends WeirError {}
/** TLS with a client, or the certificate authority. */
export class TlsError extends WeirError {}
/** A configuration that cannot be used; the CLI prints it and exits with 2. */
export class ConfigError extends WeirError {}
/** A plugin that cannot be loaded, or failed while inspecting. */
export class PluginError extends WeirError {}

/** True for any error made by this module, also one that crossed a realm or a worker. */
export function isWeirError(error: unknown): error is WeirError {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** Text of anything thrown, for logs. */
export function messageOf(error: unknown): string {
  return typeof (error as { message?: unknown } | null)?.message === 'string'
    ? (error as { message: string }).message
    : String(error);
}

/** Like `messageOf`, but of an OpenSSL error only what failed, e.g. `tlsv1 alert unknown ca`, on one line. */
export function reasonOf(error: unknown): string {
  const { reason } = error as { reason?: unknown };
  return typeof reason === 'string' && reason !== '' ? reason : messageOf(error).split('\n', 1)[0]!;
}

const MAX_SHOWN = 80; // characters of peer text in a message

/** Peer bytes made safe for a message: control characters escaped, cut at 80 characters. */
export function printable(text: string | Buffer): string {
  const raw =
    typeof text === 'string' ? text.slice(0, MAX_SHOWN + 1) : text.toString('latin1', 0, MAX_SHOWN + 1);
  const cut = raw.length > MAX_SHOWN ? `${raw.slice(0, MAX_SHOWN)}…` : raw;
  return cut.replace(
    /[\u0000-\u001f\u007f-\u00a0]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

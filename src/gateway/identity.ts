// Who is behind an ICAP request, as the ICAP client says it. Everything goes into the log as told; blades
// get only what comes from a network that is trusted with it, because any client can write these fields.
// V-50 … V-55, G-10, G-11.

import { isIP } from 'node:net';
import type { BlockList } from 'node:net';
import { fieldValue } from '../icap/codec/fields.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { IcapTransaction } from '../icap/service.ts';
import { isAllowed, isLoopback, networks } from '../util/networks.ts';

export interface Identity {
  readonly clientIp: string | null;
  readonly serverIp: string | null;
  /** Decoded, e.g. `Local://alice` or `alice`. */
  readonly user: string | null;
  readonly groups: readonly string[];
}

const USER_FIELDS = ['x-authenticated-user', 'x-authentication-user', 'x-client-username'] as const;
const GROUP_FIELDS = ['x-authenticated-groups', 'x-authentication-groups', 'x-client-groups'] as const;
const MAX_TEXT = 512; // characters of one name
const MAX_GROUPS = 256;

const NOBODY: Identity = { clientIp: null, serverIp: null, user: null, groups: [] };

/** `icapClient` of the co-located proxy, which knows its clients itself. */
const IN_PROCESS = 'in-process';

/** Tells told identities from believed ones. */
export class IdentityPolicy {
  readonly #trusted: BlockList;

  /**
   * @param trusted networks (CIDR or address) of ICAP clients whose word is taken; loopback and the
   *        co-located proxy always are
   * @throws {ConfigError} `ERR_CONFIG_VALUE`
   */
  constructor(trusted: readonly string[]) {
    this.#trusted = networks(trusted);
  }

  trusts(icapClient: string): boolean {
    return icapClient === IN_PROCESS || isLoopback(icapClient) || isAllowed(this.#trusted, icapClient);
  }

  /** What may decide something: nothing from an untrusted client, and no address that is none (G-11). */
  believed(transaction: IcapTransaction): Identity {
    if (!this.trusts(transaction.icapClient)) return NOBODY;
    const told = readIdentity(transaction.icapHeaders);
    return { ...told, clientIp: addressOrNull(told.clientIp), serverIp: addressOrNull(told.serverIp) };
  }
}

/** Reads the identity fields of an ICAP header, for the log. Absent, empty or malformed ones never fail. */
export function readIdentity(headers: RawHeaders): Identity {
  return {
    clientIp: textOrNull(fieldValue(headers, 'x-client-ip')),
    serverIp: textOrNull(fieldValue(headers, 'x-server-ip')),
    user: decodeUser(firstOf(headers, USER_FIELDS)),
    groups: decodeGroups(firstOf(headers, GROUP_FIELDS)),
  };
}

/** Base64 of text with `://` is decoded, anything else is taken as it stands (V-55). */
export function decodeUser(value: string | undefined): string | null {
  return textOrNull(decodedUris(value) ?? value);
}

/** Names of groups: URIs one a line in base64 (V-53), or plain text with commas. */
export function decodeGroups(value: string | undefined): readonly string[] {
  const uris = decodedUris(value);
  const names = uris === null ? (value ?? '').split(',') : uris.split('\n'); // a URI may have commas
  return names.flatMap((name) => textOrNull(name.trim()) ?? []).slice(0, MAX_GROUPS);
}

/** The text that a value is base64 of, if it has `://` in it. */
function decodedUris(value: string | undefined): string | null {
  if (value === undefined || !/^[A-Za-z0-9+/]{8,}={0,2}$/.test(value)) return null;
  const decoded = Buffer.from(value, 'base64').toString('utf8');
  return decoded.includes('://') && !decoded.includes('\ufffd') ? decoded : null;
}

function firstOf(headers: RawHeaders, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = fieldValue(headers, name);
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

/** Bounded; header text is latin-1, names that were sent as UTF-8 are read as that. */
function textOrNull(value: string | undefined): string | null {
  if (value === undefined || value === '') return null;
  const text = /[\u0080-\u00ff]/.test(value) ? utf8Of(value) : value;
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

function utf8Of(latin1: string): string {
  if (/[^\u0000-\u00ff]/.test(latin1)) return latin1; // was decoded already
  const text = Buffer.from(latin1, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? latin1 : text;
}

function addressOrNull(text: string | null): string | null {
  return text !== null && isIP(text) !== 0 && !text.includes('%') ? text : null;
}

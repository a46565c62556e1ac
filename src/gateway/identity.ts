// Who is behind an ICAP request, as the ICAP client says it: for the log, never trusted beyond it.
// V-50 … V-55, G-10, G-11.

import { fieldValue } from '../icap/codec/fields.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';

export interface Identity {
  readonly clientIp: string | null;
  readonly serverIp: string | null;
  /** Decoded, e.g. `Local://alice` or `alice`. */
  readonly user: string | null;
  readonly groups: readonly string[];
}

const USER_FIELDS = ['x-authenticated-user', 'x-authentication-user', 'x-client-username'] as const;

/** Reads the identity fields of an ICAP header. Absent, empty or malformed ones never fail. */
export function readIdentity(headers: RawHeaders): Identity {
  let user: string | null = null;
  for (const field of USER_FIELDS) user ??= decodeUser(fieldValue(headers, field));
  const groups = decodeUser(fieldValue(headers, 'x-authenticated-groups'));
  return {
    clientIp: textOrNull(fieldValue(headers, 'x-client-ip')),
    serverIp: textOrNull(fieldValue(headers, 'x-server-ip')),
    user,
    groups: groups === null ? [] : groups.split(/[\n,]/).filter((group) => group !== ''),
  };
}

/** Base64 of text with `://` is decoded, anything else is taken as it stands (V-55). */
export function decodeUser(value: string | undefined): string | null {
  const text = textOrNull(value);
  if (text === null || !/^[A-Za-z0-9+/]{8,}={0,2}$/.test(text)) return text;
  const decoded = Buffer.from(text, 'base64').toString('utf8');
  return decoded.includes('://') && !decoded.includes('\ufffd') ? decoded : text;
}

function textOrNull(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}

// Which identity fields a request to an ICAP service carries, and how their values are written: those that
// its X-Include asks for, or those of the configuration. K-13; V-50 … V-55.

import type { AdaptationMessage } from './adaptation.ts';

/** Fields that can be sent. */
export const IDENTITY_FIELDS = [
  'X-Client-IP',
  'X-Server-IP',
  'X-Authenticated-User',
  'X-Authenticated-Groups',
  'X-Authentication-User',
  'X-Client-Username',
] as const;
export type IdentityField = (typeof IDENTITY_FIELDS)[number];

export interface IdentityOptions {
  /** `auto`: those of X-Include. */
  readonly headers: 'auto' | readonly IdentityField[];
  /**
   * Of users and groups. `auto`: base64 of a URI such as `Local://alice` in X-Authenticated-User and -Groups
   * (V-52), as it is in the other two, whose products expect that.
   */
  readonly encoding: 'auto' | 'base64' | 'plain';
}

export const DEFAULT_IDENTITY: IdentityOptions = { headers: 'auto', encoding: 'auto' };

/** Field lines of one message, each with its CR LF; '' where nothing is known. */
export type IdentityWriter = (message: AdaptationMessage) => string;

/**
 * @param include  names of X-Include, lower case
 * @returns null where no message gets a field
 */
export function identityWriter(
  { headers, encoding }: IdentityOptions,
  include: readonly string[],
): IdentityWriter | null {
  const fields =
    headers === 'auto' ? IDENTITY_FIELDS.filter((field) => include.includes(field.toLowerCase())) : headers;
  if (fields.length === 0) return null;
  return (message) => {
    let text = '';
    for (const field of fields) {
      const value = valueOf(field, encoding, message);
      if (value !== null) text += `${field}: ${value}\r\n`;
    }
    return text;
  };
}

function valueOf(
  field: IdentityField,
  encoding: IdentityOptions['encoding'],
  { clientIp, serverIp, user, groups }: AdaptationMessage,
): string | null {
  switch (field) {
    case 'X-Client-IP':
      return address(clientIp);
    case 'X-Server-IP':
      return address(serverIp);
    case 'X-Authenticated-User':
      if (user === null) return null;
      return encoding === 'plain' ? plain(user) : base64(asUri(user));
    case 'X-Authenticated-Groups':
      if (groups === undefined || groups.length === 0) return null;
      return encoding === 'plain' ? plain(groups.join(',')) : encodedGroups(groups);
    default:
      if (user === null) return null;
      return encoding === 'base64' ? base64(user) : plain(user);
  }
}

/** Dotted IPv4 or bare IPv6 without zone (V-50). */
function address(ip: string | null): string | null {
  if (ip === null) return null;
  const mapped = ip.startsWith('::ffff:') && ip.includes('.');
  return mapped ? ip.slice(7) : ip.split('%', 1)[0]!;
}

/** Base64 of URIs, one a line (V-53). */
export function encodedGroups(groups: readonly string[]): string {
  return base64(groups.map(asUri).join('\n'));
}

function asUri(name: string): string {
  return name.includes('://') ? name : `Local://${name}`;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** UTF-8 bytes, one a character; nothing for a name that would end the line. */
function plain(text: string): string | null {
  return /[\u0000-\u001f\u007f]/.test(text) ? null : Buffer.from(text, 'utf8').toString('latin1');
}

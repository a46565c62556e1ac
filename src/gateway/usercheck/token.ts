// Tokens of pages on which a user may continue past a block: what was blocked, for whom and until when, signed
// with HMAC-SHA256. A token holds nobody's name or address in the clear, as scripts of the blocked site may
// read the page that it is on. That one is used only once is grants.ts.

import { createHmac, timingSafeEqual } from 'node:crypto';

/** Who continues, as far as it is believed. */
export interface Who {
  readonly client: string | null;
  readonly user: string | null;
}

/** What a token says; times are milliseconds since 1970. */
export interface Ticket {
  /** Random, names the token. */
  readonly nonce: string;
  readonly expiresAt: number;
  readonly incident: string;
  /** Path of the gateway's service. */
  readonly service: string;
  readonly profile: string;
  readonly blade: string;
  readonly threat: string;
  readonly severity: string;
  /** What may pass: `sha256:…` of a body, or `host:…`. */
  readonly scope: string;
  readonly url: string;
  readonly method: string;
  readonly direction: 'request' | 'response';
}

export type OpenedTicket =
  { readonly state: 'valid'; readonly ticket: Ticket } | { readonly state: 'forged' | 'foreign' | 'expired' };

const VERSION = 'w1';
const MAX_TOKEN = 12_000; // characters

/** Signs a ticket for somebody. @returns ASCII that is safe in a form: `w1.<base64url>.<base64url>` */
export function sealTicket(ticket: Ticket, who: Who, key: Buffer): string {
  const named = { ...ticket, who: whoDigest(ticket.nonce, who, key) };
  const text = `${VERSION}.${Buffer.from(JSON.stringify(named)).toString('base64url')}`;
  return `${text}.${signatureOf(text, key)}`;
}

/**
 * Checks a token in the order forged, foreign, expired.
 * @param who  who shows it now
 */
export function openTicket(token: string, who: Who, key: Buffer, now: number): OpenedTicket {
  const end = token.lastIndexOf('.');
  const text = token.slice(0, end);
  if (token.length > MAX_TOKEN || end === -1 || !text.startsWith(`${VERSION}.`)) return { state: 'forged' };
  if (!isSame(token.slice(end + 1), signatureOf(text, key))) return { state: 'forged' };
  // Only we have signed it: its content is as we wrote it.
  const named = JSON.parse(
    Buffer.from(text.slice(VERSION.length + 1), 'base64url').toString('utf8'),
  ) as Ticket & { readonly who: string };
  if (!isSame(named.who, whoDigest(named.nonce, who, key))) return { state: 'foreign' };
  return now >= named.expiresAt ? { state: 'expired' } : { state: 'valid', ticket: named };
}

function whoDigest(nonce: string, { client, user }: Who, key: Buffer): string {
  return createHmac('sha256', key)
    .update(JSON.stringify(['who', nonce, client, user]))
    .digest('base64url');
}

function signatureOf(text: string, key: Buffer): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

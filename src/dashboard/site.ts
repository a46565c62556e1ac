// The setup site beside the dashboard's own paths: for everybody, without a token, as nothing of it is secret.
// A browser asks for wpad.dat under names that the network chooses, so any Host will do. Its page is at /setup
// here, since / is the dashboard's.

import type { IncomingHttpHeaders } from 'node:http';
import type { SetupReply, SetupRequest } from '../pages/setup-site.ts';
import { parseAuthority } from '../util/authority.ts';
import type { ApiReply } from './reply.ts';

/** @param seenAs  host by which the visitor came; null: it cannot be told, or is no way to the proxy */
export type SiteRoute = (request: SetupRequest, seenAs: string | null) => SetupReply | null;

/** @returns null for a path that is none of the site's */
export function siteReply(
  site: SiteRoute | null,
  { method, url, headers }: { method: string; url: string; headers: IncomingHttpHeaders },
): ApiReply | null {
  const [path = ''] = url.split('?', 1);
  if (path === '/') return null;
  const target = path === '/setup' || path === '/setup/' ? '/' : url;
  const fields = ['accept', 'user-agent'].flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [name, value] : [];
  });
  const seenAs = parseAuthority(headers.host ?? '', 80)?.host ?? null;
  const reply = site?.({ method, target, headers: fields }, seenAs) ?? null;
  if (reply === null) return null;
  const pairs = reply.headers.flatMap((value, at) =>
    at % 2 === 0 ? [[value, reply.headers[at + 1]!] as const] : [],
  );
  return { status: reply.status, body: null, bytes: reply.body, headers: Object.fromEntries(pairs) };
}

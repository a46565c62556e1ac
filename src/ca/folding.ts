// Decides which sites share a leaf: all names right below one parent, as `*.example.com` and `example.com`
// together. So a sub-domain that was never seen costs no signature and no TLS context. A wildcard never
// stands for a whole registry (`*.co.uk`, `*.github.io`), nor for addresses and single labels.

import { getDomain } from 'tldts';

/** Labels that a wildcard is sure to cover: OpenSSL does not let it stand for an underscore. */
const PLAIN_LABEL = /^[a-z0-9-]+$/;

/** Public suffixes of the private section count too: `a.github.io` and `b.github.io` are strangers. */
const SUFFIXES = { allowPrivateDomains: true, validateHostname: false } as const;

/**
 * The parent whose leaf covers a name: `example.com` for `www.example.com` and for `example.com`, and
 * `b.example.com` for `a.b.example.com`.
 *
 * @param host  lower-case DNS name without trailing dot, or an address
 * @returns null where the name has a leaf of its own
 */
export function foldedParent(host: string): string | null {
  const domain = getDomain(host, SUFFIXES);
  if (domain === null || host.startsWith('*')) return null;
  const dot = host.indexOf('.');
  if (domain !== host && !PLAIN_LABEL.test(host.slice(0, dot))) return null;
  return domain === host ? host : host.slice(dot + 1);
}

/** The names on the leaf of a parent, the one for the common name first. */
export function foldedNames(parent: string): [string, string] {
  return [parent, `*.${parent}`];
}

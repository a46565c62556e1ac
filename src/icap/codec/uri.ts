// ICAP URIs in request lines: `icap://host[:port][/path][?query]`. Decides whether one is well-formed and
// which service it names; the machine it names is nobody's business here, since peers use virtual
// addresses and NAT names (C-07). RFC 3507 §4.2; C-02 … C-05.

// Scheme, userinfo, host (name, IPv4 or bracketed IPv6), port that may be empty.
const ICAP_URI =
  /^icaps?:\/\/(?:[^@/?#[\]\s]*@)?(?:\[[0-9a-f:.]+\]|[^@:/?#[\]\s]+)(?::[0-9]{0,5})?(?:[/?]\S*)?$/i;

/** True for an absolute URI of scheme `icap` or `icaps` (any case) with a host. */
export function isIcapUri(uri: string): boolean {
  return ICAP_URI.test(uri);
}

/**
 * Path that names the service: without query, without one trailing `/`, case kept; `/` where the URI
 * has none (C-02, C-05).
 */
export function servicePath(uri: string): string {
  const authority = uri.indexOf('://') + 3;
  const query = uri.indexOf('?', authority);
  const end = query < 0 ? uri.length : query;
  const start = uri.indexOf('/', authority);
  if (start < 0 || start >= end) return '/';
  return uri.slice(start, end - start > 1 && uri[end - 1] === '/' ? end - 1 : end);
}

/** What follows the first `?`: opaque to everybody but the service. */
export function serviceArguments(uri: string): string {
  const query = uri.indexOf('?');
  return query < 0 ? '' : uri.slice(query + 1);
}

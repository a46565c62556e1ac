// The proxy auto-configuration file: which way clients take to the proxy, and what they fetch without it. What
// the rules splice, block or deny goes to the proxy all the same: it decides, logs and says why. Only what
// no proxy can fetch for somebody is left out: the client's own machine and its link.

/** A way to the proxy, for clients. */
export interface PacProxy {
  readonly scheme: 'http' | 'https' | 'socks5';
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const WORDS = { http: 'PROXY', https: 'HTTPS', socks5: 'SOCKS5' } as const;

/** What never leaves the client's machine or its link. */
const LOCAL = `  if (host === 'localhost' || dnsDomainIs(host, '.localhost')) return 'DIRECT';
  if (/^127\\./.test(host) || /^169\\.254\\./.test(host)) return 'DIRECT';
  if (host === '::1' || host === '[::1]' || /^\\[?fe[89ab]/i.test(host) && host.indexOf(':') > 0) return 'DIRECT';`;

/**
 * The text of proxy.pac and wpad.dat.
 *
 * @param proxies  in order of preference; the next is taken when one does not answer. There is no DIRECT
 *                 behind the last: a proxy that is down must not open the way around it. None: clients need
 *                 not know of the proxy, their connections are redirected
 * @param ownHost  host that only the proxy knows
 * @param direct  lower-case hosts and `*.suffix` patterns that the operator sends past the proxy
 */
export function proxyPac(
  proxies: readonly PacProxy[],
  ownHost: string,
  direct: readonly string[] = [],
): string {
  const ways = proxies.map(({ scheme, host, port }) => {
    return `${WORDS[scheme]} ${host.includes(':') ? `[${host}]` : host}:${port}`;
  });
  const but = `the machine itself${direct.length === 0 ? ' and its link' : ', its link and what is named below'}`;
  return `// Made by Weir. Everything goes through the proxy, but ${but}.
function FindProxyForURL(url, host) {
  var proxy = ${JSON.stringify(ways.length === 0 ? 'DIRECT' : ways.join('; '))};
  if (host === ${JSON.stringify(ownHost)}) return proxy;
${LOCAL}
${direct.map((pattern) => `  if (${testOf(pattern)}) return 'DIRECT';\n`).join('')}  return proxy;
}
`;
}

function testOf(pattern: string): string {
  if (pattern.startsWith('*.')) return `dnsDomainIs(host, ${JSON.stringify(pattern.slice(1))})`;
  const literal = `host === ${JSON.stringify(pattern)}`;
  return pattern.includes(':') ? `${literal} || host === ${JSON.stringify(`[${pattern}]`)}` : literal;
}

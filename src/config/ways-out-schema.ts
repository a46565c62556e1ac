// The schema of the ways to origins: parent proxies, DNS, the address to begin at, client certificates; and
// of where clients may go. What the defaults come to is ways-out.ts.

import { parseHostPattern, parseTarget } from './addresses.ts';
import { parseBind, parseDnsServer, parseParentUrl } from './parent-url.ts';
import {
  duration,
  filePath,
  key,
  listOf,
  listOfOrNull,
  listOfSections,
  oneOf,
  orNull,
  read,
  required,
  requiredListOf,
  secret,
  section,
  text,
  whole,
} from './values.ts';

const SECOND = 1000; // milliseconds
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

const hostPattern = read('host | *.suffix | *', parseHostPattern);
const target = read('network | host pattern', parseTarget);

/** Keys of proxy.upstream. */
export const upstreamWays = {
  proxy: listOfSections(
    {
      url: required(
        read('URL | direct', parseParentUrl),
        'http://, https://, socks5:// (Weir looks names up) or socks5h:// (the parent does), with user:password@ where it asks for a log-in. direct: no parent.',
      ),
      hosts: listOf(hostPattern, ['*'], 'Hosts that it is for.'),
      noProxy: listOf(
        target,
        [],
        'Hosts that it is not for. Networks fit addresses in URLs, not what names resolve to.',
      ),
      credentials: key(
        orNull(filePath),
        null,
        'File with user:password on its first line, in place of those in the URL.',
      ),
      ca: listOf(
        filePath,
        [],
        'PEM files that vouch for an https:// parent, beside the public authorities and proxy.upstream.trust.',
      ),
    },
    { preset: [], short: 'url' },
    'Parent proxies. Those that are for a host are tried in order; none is: the origin is connected to directly.',
  ),
  bind: key(
    read('IP address | list of IP address | null', parseBind),
    null,
    'Address that connections to origins and parents begin at, or one of each family. Null: the system chooses.',
  ),
  dns: section(
    {
      servers: listOf(
        read('IP address | IP address:port', parseDnsServer),
        [],
        "DNS servers to ask. Empty: the system's resolver, with its hosts file.",
      ),
      family: key(oneOf('any', 'ipv4', 'ipv6'), 'any', 'Which addresses are used.'),
      timeout: key(duration(1, 60 * SECOND), '5s', 'Time for one name.'),
      minTtl: key(duration(0, HOUR), '1s', 'Least time that an answer of `servers` is kept.'),
      maxTtl: key(duration(0, DAY), '5m', 'Greatest time that it is kept.'),
      systemTtl: key(duration(0, DAY), '30s', "Time that an answer of the system's resolver is kept."),
      negativeTtl: key(duration(0, HOUR), '5s', 'Time that it is remembered that a name does not exist.'),
      entries: key(whole(0, 1_000_000), 4096, 'Names that are kept. 0: none.'),
    },
    'Names to addresses.',
  ),
  clientCertificates: listOfSections(
    {
      hosts: requiredListOf(hostPattern, 'Origins that it is shown to.'),
      cert: required(filePath, 'PEM file with the certificate and its chain.'),
      key: required(filePath, 'PEM file with the private key.'),
      passphrase: key(
        orNull(secret(text('text', 'text', /^[^\0]{1,1024}$/))),
        null,
        'Passphrase of the key. Null: it has none.',
      ),
    },
    { preset: [] },
    'Certificates for origins that ask who we are. Everybody who may use the proxy acts with them.',
  ),
};

export const targets = section(
  {
    deny: listOfOrNull(
      target,
      'Networks and hosts that clients may not reach through the proxy; addresses are checked after names are resolved. Null: nothing while the proxy listens on loopback only, else loopback, link-local and metadata addresses.',
    ),
    allow: listOf(target, [], 'Exceptions from deny.'),
  },
  'What the proxy may be used for.',
);

// The schema of proxy.listen, proxy.auth and proxy.clients: the ways in, and who may use them.

import * as z from 'zod';
import {
  parseHost,
  parseHostPattern,
  parseListen,
  parseNetwork,
  parseTrustedBalancers,
} from './addresses.ts';
import { notAllowed } from './problems.ts';
import {
  duration,
  filePath,
  flag,
  key,
  listOf,
  listOfSections,
  oneOf,
  orNull,
  read,
  required,
  requiredListOf,
  section,
  sectionOrNull,
  text,
  whole,
} from './values.ts';

const HOUR = 3_600_000; // milliseconds

const networksOrNull = read('list of network | null', (input) => {
  if (input === null) return null;
  const list = typeof input === 'string' ? [input] : input;
  if (!Array.isArray(list) || list.length === 0) {
    throw notAllowed('a list of networks such as [10.0.0.0/8], or null for everybody', input);
  }
  return list.map(parseNetwork);
});

const listenerTls = {
  cert: key(orNull(filePath), null, "PEM file with the certificate chain. Null: one of Weir's own CA."),
  key: key(orNull(filePath), null, 'PEM file with its private key.'),
  names: listOf(
    read('host', parseHost),
    [],
    "Names in a certificate of Weir's own CA, besides those and the addresses of this machine.",
  ),
  clientCa: key(
    orNull(filePath),
    null,
    'PEM file; clients must then show a certificate of it, or log in where proxy.auth takes both.',
  ),
};

/** True stands for a section without keys, false for none. */
function trueOrSection<Shape extends z.ZodRawShape>(shape: Shape, description: string) {
  const normalise = (input: unknown) => (input === true ? {} : input === false ? null : input);
  return z.preprocess(normalise, z.strictObject(shape).nullable()).prefault(null).describe(description);
}

export const proxyListen = listOfSections(
  {
    listen: required(read('host:port', parseListen), 'Address and port.'),
    mode: key(
      oneOf('auto', 'http', 'socks5', 'transparent'),
      'auto',
      'What is spoken. Auto: HTTP, SOCKS5 or SOCKS4a, as the first byte says, and TLS to the proxy where `tls` is given. Transparent: connections that were redirected here.',
    ),
    tls: trueOrSection(
      listenerTls,
      'TLS to the proxy itself; true: with a certificate of its own CA. Without mode http or socks5 and without clientCa the same port is there without TLS as well.',
    ),
    proxyProtocol: key(
      read('true | false | list of network', parseTrustedBalancers),
      false,
      'Networks of balancers that name their clients in a PROXY header (v1 or v2), which is then required. True: those on this machine.',
    ),
    auth: key(flag, true, 'Whether clients of this listener must log in as proxy.auth says.'),
  },
  { preset: ['127.0.0.1:8080'], short: 'listen' },
  'Where clients reach the proxy.',
);

const helper = sectionOrNull(
  {
    command: requiredListOf(
      text('text', 'a program or an argument', /^[^\0]+$/),
      "Program and arguments, in the line protocol of Squid's Basic helpers.",
    ),
    children: key(whole(1, 64), 2, 'Copies that run at the same time.'),
    timeout: key(duration(100, HOUR), '10s', 'Time for an answer.'),
    remember: key(
      duration(0, 24 * HOUR),
      '5m',
      'Time that a password which was right is not asked about again.',
    ),
  },
  'Program that says whether a password is right.',
);

export const proxyAuth = sectionOrNull(
  {
    basic: sectionOrNull(
      {
        realm: key(
          text('text', 'a text without control characters, of at most 128', /^[ -~\u00a1-\uffff]{1,128}$/),
          'Weir',
          'What the password is for, as browsers show it.',
        ),
        file: key(
          orNull(filePath),
          null,
          'Users and passwords: a file of `weir proxy passwd` or htpasswd (scrypt, bcrypt, argon2id).',
        ),
        helper,
      },
      'User and password, of a file or a program.',
    ),
    negotiate: sectionOrNull(
      {
        command: requiredListOf(
          text('text', 'a program or an argument', /^[^\0]+$/),
          "Program and arguments, in the line protocol of Squid's Negotiate helpers.",
        ),
        children: key(whole(1, 64), 4, 'Copies that run at the same time.'),
        timeout: key(duration(100, HOUR), '10s', 'Time for an answer.'),
      },
      'Kerberos (Negotiate) by a program such as negotiate_kerberos_auth.',
    ),
    plugin: key(
      orNull(text('text', 'a scheme such as Negotiate', /^[A-Za-z][A-Za-z0-9-]{0,31}$/)),
      null,
      'Scheme of an authenticator that one of the plugins brings.',
    ),
    groups: key(
      orNull(filePath),
      null,
      'File of the groups that users are in, however they log in: `group: user user` a line, as of htgroup.',
    ),
    clientCertificate: sectionOrNull(
      {
        user: key(
          oneOf('commonName', 'email', 'dns', 'subject'),
          'commonName',
          'Part of the certificate that is the name of the user.',
        ),
      },
      'Certificates that clients show on listeners with tls.clientCa.',
    ),
  },
  'Clients must log in, in one of these ways. Null: they need not.',
);

export const proxyClients = section(
  {
    allow: key(
      networksOrNull,
      null,
      'Networks of the clients that are served. Null: everybody who reaches a listener.',
    ),
    connections: key(
      orNull(whole(1, 1_000_000)),
      null,
      'Connections of one client (an IPv4 address, an IPv6 /64); more are answered 429.',
    ),
    requestsPerSecond: key(
      orNull(whole(1, 1_000_000)),
      null,
      'Requests of one client, tunnels included; more are answered 429.',
    ),
    burst: key(
      orNull(whole(1, 10_000_000)),
      null,
      'Requests that may come at once after a pause. Null: those of ten seconds.',
    ),
  },
  'Who may use the proxy, and how much.',
);

/** Never all hosts: a file that sends nothing to the proxy is of no use. */
const directHost = read('host | *.suffix', (input) => {
  const pattern = parseHostPattern(input);
  if (pattern === '*') throw notAllowed('a host or *.suffix, not all hosts', input);
  return pattern;
});

export const proxyPac = section(
  {
    direct: listOf(
      directHost,
      [],
      'Hosts that clients fetch past the proxy: nothing of them is seen, logged or blocked.',
    ),
  },
  'What proxy.pac and wpad.dat say besides the listeners.',
);

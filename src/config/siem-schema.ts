// The schema of `log.syslog` and `webhooks`: who else hears of incidents and transactions.

import net from 'node:net';
import { notAllowed } from './problems.ts';
import type { SyslogUrl } from './siem-types.ts';
import type { Kind } from './values.ts';
import {
  duration,
  filePath,
  flag,
  key,
  listOf,
  listOfSections,
  name,
  oneOf,
  orNull,
  required,
  secret,
  section,
  size,
  text,
  whole,
} from './values.ts';

const KiB = 1024;
const MiB = KiB * KiB;
const SECOND = 1000; // milliseconds
const HOUR = 3600 * SECOND;
const SYSLOG = 'a URL such as udp://siem.example:514, tcp://siem.example:514 or tls://siem.example:6514';
const PORTS: Readonly<Record<string, number>> = { udp: 514, tcp: 514, tls: 6514 };

const syslogUrl: Kind<SyslogUrl> = {
  type: 'syslog URL',
  parse(input) {
    const [, scheme, host = '', port] =
      typeof input === 'string'
        ? (/^(udp|tcp|tls):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?\/?$/.exec(input) ??
          [])
        : [];
    const number = port === undefined ? PORTS[scheme ?? ''] : Number(port);
    const bare = host.replace(/^\[|\]$/g, '');
    const isFine = scheme !== undefined && number !== undefined && number > 0 && number < 65536;
    if (!isFine || (host.startsWith('[') && net.isIPv6(bare) === false)) throw notAllowed(SYSLOG, input);
    return { transport: scheme as SyslogUrl['transport'], host: bare, port: number };
  },
};

const hookUrl: Kind<string> = {
  type: 'URL',
  parse(input) {
    const isUrl = typeof input === 'string' && /^https?:\/\//.test(input) && URL.canParse(input);
    if (isUrl && new URL(input).username === '' && new URL(input).hash === '') return input;
    // The path of a webhook may be its secret: what was found is not shown.
    const shown = typeof input === 'string' ? 'another text (not shown)' : 'something else';
    throw notAllowed('an http:// or https:// URL without user and password', input, null, shown);
  },
};

export const syslog = listOfSections(
  {
    url: required(syslogUrl, 'udp://host:514, tcp://host:514 or tls://host:6514.'),
    format: key(oneOf('json', 'cef', 'leef'), 'json', 'JSON, ArcSight CEF 0 or QRadar LEEF 2.0.'),
    send: listOf(
      oneOf('incidents', 'gateway', 'proxy'),
      ['incidents'],
      'What is sent: incidents, ICAP transactions of the gateway, transactions of the proxy. The latter two only with log.level info or below.',
    ),
    facility: key(
      oneOf(
        'local0',
        'local1',
        'local2',
        'local3',
        'local4',
        'local5',
        'local6',
        'local7',
        'user',
        'daemon',
        'auth',
        'authpriv',
        'audit',
      ),
      'local0',
      'Facility of RFC 5424.',
    ),
    framing: key(
      oneOf('octet-counting', 'newline'),
      'octet-counting',
      'How tcp and tls tell messages apart (RFC 6587); octet-counting is what RFC 5425 asks for.',
    ),
    hostName: key(
      orNull(text('name', 'a name of visible ASCII characters', /^[!-~]{1,255}$/)),
      null,
      "Name of this machine in messages. Null: the system's.",
    ),
    maxMessage: key(
      orNull(size(480, 64 * KiB)),
      null,
      'Largest message; longer values are cut. Null: 2048 bytes by udp, 8KiB otherwise.',
    ),
    queue: key(
      whole(1, 1_000_000),
      10_000,
      'Messages that wait for a connection; further ones are lost, and counted.',
    ),
    tls: section(
      {
        ca: listOf(
          filePath,
          [],
          "PEM files with the authorities that vouch for the receiver. Empty: the system's.",
        ),
        cert: key(orNull(filePath), null, 'PEM file with a certificate for the receiver to know us by.'),
        key: key(orNull(filePath), null, 'PEM file with its private key.'),
        verify: key(flag, true, 'Whether the certificate of the receiver is verified.'),
        serverName: key(
          orNull(text('host', 'a host name', /^[A-Za-z0-9._-]{1,253}$/)),
          null,
          'Name that its certificate must bear. Null: the host of the URL.',
        ),
      },
      'TLS of tls URLs.',
    ),
  },
  { preset: [], short: 'url' },
  'Receivers of syslog messages (RFC 5424), see operations/siem.md.',
);

export const webhooks = listOfSections(
  {
    name: required(name, 'Names it in the log, and its folder.'),
    url: required(hookUrl, 'Where incidents are posted to.'),
    secret: required(
      secret(text('text', 'text of 16 to 256 visible ASCII characters', /^[!-~]{16,256}$/)),
      'Key of Weir-Signature, 16 characters or more.',
    ),
    events: listOf(
      oneOf('block', 'background', 'continued'),
      ['block', 'background', 'continued'],
      'Incidents that are told: blocks, threats found in content that has passed, and users who continued.',
    ),
    folder: key(
      orNull(filePath),
      null,
      'Folder of what waits. Null: .weir/webhooks/<name> of the checkout, or below $XDG_STATE_HOME/weir when installed.',
    ),
    ca: listOf(
      filePath,
      [],
      "PEM files with the authorities that vouch for the receiver. Empty: the system's.",
    ),
    timeout: key(duration(100, HOUR), '10s', 'Time for an answer.'),
    maxEntries: key(whole(1, 1_000_000), 10_000, 'Incidents that wait; the oldest go first.'),
    maxBytes: key(size(64 * KiB, 1024 * MiB), '64MiB', 'Size of them all.'),
    maxAge: key(duration(SECOND, 720 * HOUR), '72h', 'Time that they wait.'),
  },
  { preset: [] },
  'Programs that are told of incidents by HTTP, see operations/siem.md.',
);

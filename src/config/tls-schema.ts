// The schema of proxy.tls: what is intercepted, and what happens where a client does not accept it.

import { parseHostPattern, parseNetwork } from './addresses.ts';
import { notAllowed } from './problems.ts';
import type { PortRange } from './tls-rules.ts';
import {
  duration,
  filePath,
  flag,
  inherited,
  key,
  listOfSections,
  oneOf,
  read,
  required,
  requiredListOf,
  section,
  text,
  whole,
} from './values.ts';
import type { Kind } from './values.ts';

const MINUTE = 60_000; // milliseconds
const DAY = 24 * 60 * MINUTE;

const network = read('network', parseNetwork);
const user = text('user', 'a user name, or * for everybody who has logged in', /^[^\u0000-\u001f]{1,256}$/);
const group = text('group', 'the name of a group of users', /^[^\u0000-\u001f]{1,256}$/);
const ports = read('port | first-last', parsePorts);

/** A list that is a condition where it is given. */
function condition<T>(kind: Kind<T>, description: string) {
  return requiredListOf(kind, description).optional().describe(description);
}

export const proxyTlsPolicy = section(
  {
    rules: listOfSections(
      {
        hosts: condition(
          read('host | *.suffix | *', parseHostPattern),
          'Hosts: the server name of the ClientHello, else the host of CONNECT.',
        ),
        lists: condition(
          filePath,
          'Files with a host a line, or .suffix for a domain and all below it; lines that begin with # are comments.',
        ),
        ips: condition(network, 'Networks of targets that the client asks for by address.'),
        ports: condition(ports, 'Ports of the target.'),
        clients: condition(network, 'Networks of the clients.'),
        users: condition(user, 'Users who have logged in to the proxy; * for all of them.'),
        groups: condition(group, 'Groups of users, as the log-in or proxy.auth.groups knows them.'),
        sni: inherited(
          oneOf('present', 'absent'),
          'Whether the ClientHello names a server. Not given: either way.',
        ),
        action: required(
          oneOf('bump', 'splice', 'terminate'),
          'bump decrypts, splice passes through unread, terminate closes the connection.',
        ),
      },
      { preset: [] },
      'What happens to TLS connections; the first rule of which all conditions fit wins, none means bump.',
    ),
    nonTls: key(
      oneOf('http', 'tunnel', 'terminate'),
      'http',
      'What happens behind CONNECT to what is no TLS. http: HTTP is inspected, anything else is closed; tunnel: anything else passes unread; terminate: all of it is closed.',
    ),
    selfHealing: section(
      {
        after: key(whole(1, 100), 3, 'Rejections of one host by one client.'),
        within: key(duration(1000, DAY), '10m', 'Time in which they must come.'),
        for: key(duration(1000, 30 * DAY), '24h', 'Time that the host passes unread for that client then.'),
      },
      'When a client that accepts the certificates of other hosts rejects that of one again and again, the host is spliced for it.',
    ),
    strict: key(
      flag,
      false,
      'Whether that never happens: what a client does not accept intercepted it does not get.',
    ),
  },
  'Interception of TLS.',
);

function parsePorts(input: unknown): PortRange {
  const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(input)) ?? [];
  const first = Number(from ?? NaN);
  const last = to === undefined ? first : Number(to);
  if (first >= 1 && first <= last && last <= 65_535) return { first, last };
  throw notAllowed('a port such as 443, or ports such as 8000-8999', input);
}

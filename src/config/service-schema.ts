// An ICAP service as the proxy calls it: an entry of `adaptation.services`.

import { parseHost, parseIcapUrl } from './addresses.ts';
import { notAllowed } from './problems.ts';
import type { IdentityHeader } from './types.ts';
import {
  duration,
  filePath,
  flag,
  key,
  listOf,
  oneOf,
  orNull,
  read,
  required,
  section,
  size,
  text,
  whole,
} from './values.ts';

const HOUR = 3_600_000; // milliseconds

const IDENTITY_HEADERS: readonly IdentityHeader[] = [
  'X-Client-IP',
  'X-Server-IP',
  'X-Authenticated-User',
  'X-Authenticated-Groups',
  'X-Authentication-User',
  'X-Client-Username',
];
const timeLimit = duration(1, 24 * HOUR);
/** Of both ends. */
export const previewSize = size(0, 64 * 1024);

/** An entry of adaptation.services; resolve.ts reads the built-in one through it as well. */
export const adaptationService = section(
  {
    url: required(
      read('ICAP URL', parseIcapUrl),
      'icap://host:1344/path, icaps://host:11344/path or icap+unix:/path/of.sock?/path; user:password@ before the host logs in.',
    ),
    onError: key(
      oneOf('block', 'bypass'),
      'block',
      'What happens to a message when the service fails: block refuses it, bypass lets it pass unscanned.',
    ),
    onOverload: key(
      oneOf('wait', 'bypass', 'block'),
      'wait',
      'What a message does when all connections are busy: wait for one in line (then onError), bypass, or block.',
    ),
    routing: key(
      flag,
      false,
      'Whether X-Next-Services in its answers names the services and groups that come next.',
    ),
    maxConnections: key(
      orNull(whole(1, 100_000)),
      null,
      "Connections at a time. Null: the service's Max-Connections, or 256. The lower of both holds.",
    ),
    failureLimit: key(
      whole(1, 10_000),
      10,
      'Messages that fail in a row before the service is suspended; it is probed again within a second.',
    ),
    timeout: key(timeLimit, '30s', 'Longest silence of the service.'),
    connectTimeout: key(timeLimit, '5s', 'Time to a connection with the service, TLS included.'),
    preview: key(
      read(`${previewSize.type} | false | null`, (input) =>
        input === null || input === false ? input : previewSize.parse(input),
      ),
      null,
      'Bytes sent ahead for the service to decide on. Null: what its OPTIONS response says. False: none ever.',
    ),
    retries: key(
      whole(0, 5),
      0,
      'Further attempts with a message when the service fails before it answers. A connection found dead is always replaced once.',
    ),
    allow: listOf(
      oneOf('204', '206', 'trailers'),
      ['204', '206', 'trailers'],
      'What the service may answer with: 204 not modified, 206 a changed start, trailers behind the body. Without any, OPTIONS and messages carry no Allow.',
    ),
    sendTrailers: key(
      read('true | false | auto', (input) => (input === 'auto' ? input : flag.parse(input))),
      'auto',
      'Whether trailers of HTTP messages are sent. Auto: until the service closes the connection on them.',
    ),
    identity: section(
      {
        headers: key(
          read('auto | list of field', parseIdentityHeaders),
          'auto',
          `Who the message is from, among ${IDENTITY_HEADERS.join(', ')}. Auto: what the service asks for with X-Include.`,
        ),
        encoding: key(
          oneOf('auto', 'base64', 'plain'),
          'auto',
          'Of users and groups. Auto: base64 of Local://name in X-Authenticated-User and -Groups, plain in the others.',
        ),
      },
      'Identity fields of the ICAP header; sent only where the value is known.',
    ),
    redact: listOf(
      text('field name', "a header field's name, such as cookie", /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/),
      [],
      'HTTP fields whose values the service does not see: a placeholder is sent, and the value put back afterwards.',
    ),
    strict: key(flag, false, 'Whether answers must agree with their Encapsulated offsets to the byte.'),
    tls: section(
      {
        ca: listOf(
          filePath,
          [],
          "PEM files with the authorities that vouch for the service. Empty: the system's.",
        ),
        cert: key(orNull(filePath), null, 'PEM file with a certificate for the service to know us by.'),
        key: key(orNull(filePath), null, 'PEM file with its private key.'),
        verify: key(flag, true, 'Whether the certificate of the service is verified.'),
        serverName: key(
          orNull(read('host', parseHost)),
          null,
          'Name that its certificate must bear. Null: the host of the URL.',
        ),
      },
      'TLS of icaps URLs.',
    ),
    inProcess: key(flag, true, 'Whether a URL of the own gateway is served without a socket.'),
  },
  'An ICAP service.',
);

/** `auto`, or names of identity fields in any case. */
function parseIdentityHeaders(input: unknown): 'auto' | IdentityHeader[] {
  if (input === 'auto') return input;
  const named = (name: unknown): IdentityHeader | undefined =>
    IDENTITY_HEADERS.find((known) => known.toLowerCase() === String(name).toLowerCase());
  const list = Array.isArray(input) ? input.map(named) : [undefined];
  if (!list.every((name) => name !== undefined)) {
    throw notAllowed(`auto or a list of ${IDENTITY_HEADERS.join(', ')}`, input);
  }
  return [...new Set(list)];
}

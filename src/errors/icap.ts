// What may be wrong with ICAP: its messages, the client towards a service, the client in the hand.
// src/errors.ts joins the groups into one table; docs/errors.md lists the codes.

import type { ErrorSpec } from './spec.ts';
import { spec } from './spec.ts';

export const ICAP_ERRORS = {
  // ICAP messages (src/icap/codec). HTTP status: what the proxy answers when a server sent it.
  ERR_ICAP_START_LINE: spec(400, 502, false, 'Check that the peer speaks ICAP/1.0 on this port.'),
  ERR_ICAP_VERSION: spec(505, 502, false, 'Use ICAP/1.0.'),
  ERR_ICAP_METHOD: spec(501, 502, false, 'Use OPTIONS, REQMOD or RESPMOD.'),
  ERR_ICAP_FIELD: spec(400, 502, false, 'Send header fields as `Name: value` with CR LF line ends.'),
  ERR_ICAP_HEAD_TOO_LARGE: spec(400, 502, false, 'Send a shorter ICAP header.'),
  ERR_ICAP_ENCAPSULATED: spec(400, 502, false, 'Send Encapsulated with rising offsets and one body, last.'),
  ERR_ICAP_SECTION: spec(400, 502, false, 'Make the Encapsulated offsets agree with the header sections.'),
  ERR_ICAP_SECTION_TOO_LARGE: spec(400, 502, false, 'Send shorter encapsulated HTTP headers.'),
  ERR_ICAP_CHUNK: spec(400, 502, false, 'Send the body chunked (RFC 9112 section 7.1).'),
  ERR_ICAP_PREVIEW: spec(400, 502, false, 'Send at most the announced preview, then a zero chunk.'),
  ERR_ICAP_TRAILER: spec(400, 502, false, 'Send shorter or well-formed trailer fields.'),
  ERR_ICAP_BAD_COMPOSITION: spec(418, 502, true, 'Send the encapsulated sections that the service needs.'),
  ERR_ICAP_NOT_FOUND: spec(404, 502, true, 'Use one of the service paths that the server offers.'),
  ERR_ICAP_NOT_ALLOWED: spec(405, 502, true, 'Use one of the methods in the Methods field.'),
  ERR_ICAP_FORBIDDEN: spec(
    403,
    502,
    false,
    'Add the client network to gateway.allow, or give the client a certificate of clientCa.',
  ),
  ERR_ICAP_AUTH: spec(407, 502, false, 'Log in with a user and password of the gateway (Basic).'),
  ERR_ICAP_PROXY_HEADER: spec(
    400,
    502,
    false,
    'Let the balancer send a PROXY header and name its network in proxyProtocol, or remove that key.',
  ),
  ERR_ICAP_TLS: spec(
    400,
    502,
    false,
    'Speak TLS 1.2 or later on this port, trust its certificate, and show a certificate if it asks for one.',
  ),
  ERR_ICAP_TIMEOUT: spec(408, 504, false, 'Send the request without pauses.'),
  ERR_ICAP_OVERLOADED: spec(503, 503, false, 'Stay below Max-Connections, or raise it.'),
  ERR_ICAP_SERVICE: spec(500, 502, true, 'Look up the incident in the gateway log.'),

  // The ICAP client's own (src/icap/client).
  ERR_ADAPT_UNAVAILABLE: spec(502, 502, true, 'Check that the ICAP server runs and is reachable.'),
  ERR_ADAPT_TIMEOUT: spec(502, 504, false, 'Raise the service timeout, or see why the ICAP server is slow.'),
  ERR_ADAPT_PROTOCOL: spec(
    502,
    502,
    false,
    'The ICAP server broke the protocol: examine it with its vendor.',
  ),
  ERR_ADAPT_STATUS: spec(502, 502, true, 'The ICAP server refused the message: read its log.'),
  ERR_ADAPT_BUSY: spec(
    502,
    503,
    true,
    'Add ICAP servers to the group, or raise Max-Connections of the server and maxConnections of the service.',
  ),
  ERR_ADAPT_TLS: spec(
    502,
    502,
    true,
    'See the service under adaptation.services: its tls.ca, tls.serverName, tls.cert and tls.key.',
  ),
  ERR_ADAPT_AUTH: spec(
    502,
    502,
    true,
    'Put user and password into the URL of the service: icap://user:password@host/path.',
  ),
  ERR_ADAPT_METHOD: spec(502, 502, true, 'The ICAP service does not offer this method: use another path.'),
  ERR_ADAPT_CHAIN: spec(
    502,
    502,
    true,
    'Use fewer services for one message; look for a circle in X-Next-Services.',
  ),
  ERR_ADAPT_NOT_SCANNED: spec(
    502,
    403,
    true,
    'Messages like this may not pass unscanned: change adaptation.notScanned or the rules to allow it.',
  ),
  ERR_ADAPT_BLOCKED: spec(
    502,
    403,
    false,
    'A part had been delivered when the rest was blocked, so the connection was broken off: see the threat in the log.',
  ),

  // The hand-held client, `weir icap …` (src/icap/probe).
  ERR_PROBE_CONNECT: spec(
    502,
    502,
    false,
    'Check host and port, and that the ICAP server runs and is reachable from here.',
  ),
  ERR_PROBE_TLS: spec(
    502,
    502,
    false,
    'Use icaps:// only where the server speaks TLS, give its CA with --ca, or look anyway with --insecure.',
  ),
  ERR_PROBE_TIMEOUT: spec(
    502,
    504,
    false,
    'Wait longer with --timeout, or see with --raw what the server got.',
  ),
  ERR_PROBE_CLOSED: spec(
    502,
    502,
    false,
    'See with --raw how far the exchange went, and read the log of the server.',
  ),
  ERR_PROBE_NOT_ICAP: spec(502, 502, false, 'Check the port: another protocol answers there.'),
  ERR_PROBE_PROTOCOL: spec(
    502,
    502,
    false,
    'See the bytes with --raw: the server broke the ICAP protocol there.',
  ),
  ERR_PROBE_TOO_LARGE: spec(
    502,
    502,
    false,
    'The server sent more than this client keeps: see with --raw how the answer begins.',
  ),
  ERR_PROBE_INPUT: spec(502, 502, false, 'Give a file that can be read and that nobody changes meanwhile.'),
  ERR_PROBE_OUTPUT: spec(502, 502, false, 'Check free space and permissions of the folder.'),
} satisfies Record<string, ErrorSpec>;

// What the proxy refuses, whom it cannot reach, and who may not use it.
// src/errors.ts joins the groups into one table; docs/errors.md lists the codes.

import type { ErrorSpec } from './spec.ts';
import { spec } from './spec.ts';

export const PROXY_ERRORS = {
  // What the proxy refuses or cannot reach.
  ERR_PROXY_LOOP: spec(400, 508, true, 'The request came back to this proxy: check the proxy settings.'),
  ERR_PROXY_MISDIRECTED: spec(400, 421, true, 'Ask for this host on a connection of its own.'),
  ERR_PROXY_SELF: spec(400, 403, true, 'Weir does not proxy requests to its own ports.'),
  ERR_PROXY_DENIED: spec(400, 403, true, 'The target is on the deny list (proxy.targets.deny, tls.rules).'),
  ERR_PATIENCE_TICKET: spec(
    400,
    404,
    true,
    'Open the address again: answers are kept for adaptation.hold.ticket, and for the client that asked first.',
  ),
  ERR_PATIENCE_MODIFIED: spec(
    500,
    502,
    false,
    'Ask again; where a service changes such messages, set adaptation.hold.program or browser to another way.',
  ),
  ERR_PATIENCE_BLOCKED: spec(
    500,
    403,
    false,
    'Nothing more of it is delivered: see the record for what was found.',
  ),
  ERR_PROXY_OVERLOADED: spec(400, 503, false, 'Too many connections: raise proxy.limits.connections.'),
  ERR_PROXY_HEADER: spec(
    400,
    400,
    false,
    'Let the balancer send a PROXY header and name its network in proxyProtocol, or remove that key.',
  ),
  ERR_PROXY_TLS: spec(400, 400, false, 'Speak TLS 1.2 or later on this port, and trust its certificate.'),
  ERR_PROXY_SOCKS: spec(
    400,
    400,
    false,
    'Use CONNECT of SOCKS5 or SOCKS4a, with a password if one is asked.',
  ),
  ERR_PROXY_TRANSPARENT: spec(
    400,
    400,
    false,
    'This port takes redirected connections: send a server name (SNI) or a Host field.',
  ),
  ERR_ORIGIN_DNS: spec(400, 502, true, 'Check the spelling of the host name.'),
  ERR_ORIGIN_UNREACHABLE: spec(400, 502, true, 'The site does not answer: try again later.'),
  ERR_ORIGIN_DOWN: spec(400, 503, true, 'The application is down: try again later.'),
  ERR_ORIGIN_TIMEOUT: spec(400, 504, true, 'The site took too long: try again later.'),
  ERR_ORIGIN_UNTRUSTED: spec(400, 502, true, "The site's certificate cannot be verified: tell its operator."),
  ERR_ORIGIN_TLS: spec(400, 502, true, 'The site does not speak TLS that this proxy accepts.'),
  ERR_ORIGIN_RESPONSE: spec(400, 502, true, 'The site sent a malformed response: tell its operator.'),
  ERR_ORIGIN_CLIENT_CERT: spec(
    400,
    502,
    true,
    'The site wants to know its clients by certificate: name one in proxy.upstream.clientCertificates, or splice the site.',
  ),
  ERR_ORIGIN_CLOSED: spec(400, 502, true, 'The site closed the connection: try again.'),

  // Parent proxies (proxy.upstream.proxy).
  ERR_PARENT_UNAVAILABLE: spec(400, 502, true, 'Check that the parent proxy runs and is reachable.'),
  ERR_PARENT_TIMEOUT: spec(400, 504, true, 'See why the parent proxy is slow, or raise connectTimeout.'),
  ERR_PARENT_TLS: spec(
    400,
    502,
    true,
    'See the parent under proxy.upstream.proxy: its scheme, the name in its URL, and its ca.',
  ),
  ERR_PARENT_AUTH: spec(
    400,
    502,
    true,
    'Give user and password of the parent proxy in its URL or in its credentials file.',
  ),
  ERR_PARENT_REFUSED: spec(400, 403, true, 'The parent proxy does not allow this: ask its operator.'),
  ERR_PARENT_STATUS: spec(400, 502, true, 'The parent proxy cannot reach the site: try again later.'),

  // Who may use the proxy (src/auth, src/proxy/access).
  ERR_PROXY_AUTH: spec(400, 407, true, 'Log in with a user and password of the proxy.'),
  ERR_PROXY_CLIENT: spec(
    400,
    403,
    false,
    'Add the network of the client to proxy.clients.allow, or give it a certificate of clientCa.',
  ),
  ERR_PROXY_CONNECTIONS: spec(400, 429, false, 'Open fewer connections, or raise proxy.clients.connections.'),
  ERR_PROXY_RATE: spec(400, 429, true, 'Send fewer requests, or raise proxy.clients.requestsPerSecond.'),
  ERR_AUTH_BUSY: spec(503, 503, true, 'Too many passwords wait to be checked: try again later.'),
  ERR_AUTH_UNAVAILABLE: spec(
    503,
    503,
    true,
    'Passwords cannot be checked: read the log, and see that the program of proxy.auth.basic.helper runs.',
  ),
} satisfies Record<string, ErrorSpec>;

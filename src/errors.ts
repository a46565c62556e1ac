// Every failure that Weir names, in one table: what it means, which ICAP and HTTP status it maps to,
// and whether the connection it happened on may go on. docs/errors.md lists the same codes; a test
// holds the two equal. Codes are permanent, messages are not: match on `code`.

interface ErrorSpec {
  /** ICAP status that answers it when we are the ICAP server. */
  readonly icap: number;
  /** HTTP status that answers it when we are the HTTP proxy. */
  readonly http: number;
  /** Whether framing is still sound, so that the connection may carry another message. */
  readonly persist: boolean;
  /** What the reader may do about it; shown on error pages and in logs. */
  readonly remedy: string;
}

const spec = (icap: number, http: number, persist: boolean, remedy: string): ErrorSpec => ({
  icap,
  http,
  persist,
  remedy,
});

export const ERRORS = {
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

  // HTTP messages from clients (4xx) and origins (502).
  ERR_HTTP_REQUEST_LINE: spec(400, 400, false, 'Send `METHOD target HTTP/1.1`.'),
  ERR_HTTP_FIELD: spec(400, 400, false, 'Send header fields as `Name: value` with CR LF line ends.'),
  ERR_HTTP_HEAD_TOO_LARGE: spec(400, 431, false, 'Send fewer or shorter header fields.'),
  ERR_HTTP_TARGET_TOO_LONG: spec(400, 414, false, 'Use a shorter URL.'),
  ERR_HTTP_FRAMING: spec(400, 400, false, 'Send either one Content-Length or `Transfer-Encoding: chunked`.'),
  ERR_HTTP_CODING: spec(400, 501, false, 'Use no transfer coding other than chunked.'),
  ERR_HTTP_CHUNK: spec(400, 400, false, 'Send well-formed chunks.'),
  ERR_HTTP_HOST: spec(400, 400, false, 'Send exactly one valid Host field.'),
  ERR_HTTP_TARGET: spec(400, 400, true, 'Send an absolute http:// URL to a proxy, or CONNECT host:port.'),
  ERR_HTTP_VERSION: spec(400, 505, false, 'Use HTTP/1.0 or HTTP/1.1.'),
  ERR_HTTP_EXPECTATION: spec(400, 417, true, 'Use no expectation other than 100-continue.'),
  ERR_HTTP_TIMEOUT: spec(400, 408, false, 'Send the request without pauses.'),
  ERR_HTTP_ABORTED: spec(
    400,
    400,
    false,
    'The sender closed the connection before the message was complete.',
  ),
  ERR_HTTP2_FLOOD: spec(
    400,
    400,
    false,
    'Reset, ping and change settings less often; see http2.md for what a connection may do.',
  ),
  ERR_WEBSOCKET_FRAME: spec(400, 400, false, 'Send WebSocket frames as RFC 6455 and RFC 7692 have them.'),
  ERR_HTTP2_LOGIN: spec(400, 505, false, 'Use HTTP/1.1 for this host; browsers do so of themselves now.'),
  ERR_HTTP2_PROTOCOL: spec(400, 400, false, 'Send HTTP/2 frames as RFC 9113 has them, within its limits.'),

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

  // TLS towards clients, and the certificate authority.
  ERR_TLS_HANDSHAKE: spec(400, 400, false, 'The client must speak TLS and trust the Weir CA.'),
  ERR_TLS_CLIENT_HELLO: spec(400, 400, false, 'Send a TLS ClientHello after CONNECT.'),
  ERR_TLS_NAME: spec(400, 400, false, 'Ask for a valid host name.'),
  ERR_CA_UNREADABLE: spec(
    500,
    500,
    false,
    'Give the Weir user access to the certs folder, or choose another.',
  ),
  ERR_CA_PASSPHRASE: spec(
    500,
    500,
    false,
    'Give the passphrase of the key: in the file of proxy.ca.passphraseFile, or in WEIR_CA_PASSPHRASE.',
  ),
  ERR_CA_INVALID: spec(500, 500, false, 'Remove both CA files to make a new CA, or import a valid pair.'),
  ERR_TRUST_STORE: spec(
    500,
    500,
    false,
    'See what the program says, or do by hand what `weir ca trust --dry-run` prints.',
  ),
  ERR_TRUST_RECORD: spec(500, 500, false, 'Check the file, or move it away and clean the stores by hand.'),
  ERR_SYSTEM_PROXY: spec(500, 500, false, 'Do by hand what `weir system-proxy on --dry-run` prints.'),

  // Configuration and start (exit code 2).
  ERR_CONFIG_UNREADABLE: spec(500, 500, false, 'Check the path and its permissions.'),
  ERR_CONFIG_SYNTAX: spec(500, 500, false, 'Mend the YAML.'),
  ERR_CONFIG_UNKNOWN_KEY: spec(500, 500, false, 'Use a known key.'),
  ERR_CONFIG_VALUE: spec(500, 500, false, 'Use an allowed value.'),
  ERR_CONFIG_UNSUPPORTED: spec(500, 500, false, 'Remove the key until this version supports it.'),
  ERR_LISTEN: spec(500, 500, false, 'Choose another address, or stop the program that uses it.'),

  // Status of what runs (src/dashboard, `weir icap status`).
  ERR_STATUS_CONNECT: spec(500, 502, false, 'Start Weir, or name its dashboard.listen with --url.'),
  ERR_STATUS_TOKEN: spec(
    500,
    401,
    true,
    'Give the token with --token: it was printed at the start and is in certs/dashboard.token.',
  ),

  // Traces of transactions (src/trace, `weir why`).
  ERR_TRACE_STORE: spec(500, 500, true, 'Check free space and permissions of trace.folder.'),

  // The lab (src/demo, `weir demo`).
  ERR_DEMO_CLIENT: spec(
    500,
    502,
    true,
    'Run `weir demo --keep` and look up the transaction with `weir why`.',
  ),

  // Copies of transactions (src/capture, `weir record`, `weir replay`).
  ERR_RECORDING: spec(500, 500, true, 'Name a file that `weir record` has made, or one that can be made.'),
  ERR_RECORDING_EXISTS: spec(500, 500, true, 'Name another file, or add --force to overwrite it.'),

  // Worker processes of the gateway (src/gateway/workers).
  ERR_GATEWAY_WORKER: spec(
    500,
    500,
    false,
    'Read what the worker logged before it ended; plugins run in it, and so may be to blame.',
  ),

  // Weir inside another program (src/embed).
  ERR_EMBED_INPUT: spec(500, 500, true, 'Give text, a Buffer, a stream or an iterable of these.'),
  ERR_EMBED_BODY_READ: spec(
    500,
    500,
    true,
    'Put icapMiddleware before everything that reads the request body, such as body parsers.',
  ),

  // Plugins, scanning, unpacking.
  ERR_PLUGIN_LOAD: spec(500, 500, false, 'Check the path or package name and its default export.'),
  ERR_PLUGIN_OPTIONS: spec(500, 500, false, "Check the plugin's options."),
  ERR_PLUGIN_FAILED: spec(500, 502, true, "See the plugin's log."),
  ERR_PLUGIN_HOOK: spec(500, 502, true, "See the plugin's log, or take it out of `plugins`."),
  ERR_SCAN_TIMEOUT: spec(500, 504, true, 'Raise the time limit of the profile.'),
  ERR_SCAN_SIZE: spec(
    500,
    502,
    true,
    'Raise maxSize of the profile, or let it allow what is larger (onError).',
  ),
  ERR_SCAN_UNAVAILABLE: spec(500, 502, true, 'Check that the scanner runs and is reachable.'),
  ERR_UNPACK_BUDGET: spec(500, 502, true, 'Raise the unpacking limits if the content is legitimate.'),
  ERR_UNPACK_MALFORMED: spec(500, 502, true, 'The archive or coding is damaged.'),
  ERR_QUARANTINE: spec(500, 404, true, 'See `weir quarantine list` for what is there.'),
  ERR_SPOOL: spec(
    500,
    500,
    true,
    'Check free space and permissions of the temporary folder, and adaptation.spool.total.',
  ),
  ERR_ABORTED: spec(500, 500, false, 'The other side gave up; nothing to do.'),
} satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** Facts that belong to an error: `host`, `service`, `offset`, `path`, … Logged as they stand. */
export type ErrorFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Base of all errors that Weir throws on purpose. Compare `code`; `instanceof` fails across workers. */
export class WeirError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.fields = fields;
  }

  /** ICAP status code that this error maps to. */
  get icapStatus(): number {
    return ERRORS[this.code].icap;
  }

  /** HTTP status code that this error maps to. */
  get httpStatus(): number {
    return ERRORS[this.code].http;
  }

  /** True when the connection may carry another message. */
  get persist(): boolean {
    return ERRORS[this.code].persist;
  }

  /** One sentence on what to do. */
  get remedy(): string {
    return ERRORS[this.code].remedy;
  }
}

/** Broken or refused ICAP message; maps to an ICAP status by `icapStatus`. */
export class IcapError extends WeirError {}
/** Broken or refused HTTP message, or an origin that failed. */
export class HttpError extends WeirError {}
/** TLS with a client, or the certificate authority. */
export class TlsError extends WeirError {}
/** A configuration that cannot be used; the CLI prints it and exits with 2. */
export class ConfigError extends WeirError {}
/** A plugin that cannot be loaded, or failed while inspecting. */
export class PluginError extends WeirError {}

/** True for any error made by this module, also one that crossed a realm or a worker. */
export function isWeirError(error: unknown): error is WeirError {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** Text of anything thrown, for logs. */
export function messageOf(error: unknown): string {
  return typeof (error as { message?: unknown } | null)?.message === 'string'
    ? (error as { message: string }).message
    : String(error);
}

/** Like `messageOf`, but of an OpenSSL error only what failed, e.g. `tlsv1 alert unknown ca`, on one line. */
export function reasonOf(error: unknown): string {
  const { reason } = error as { reason?: unknown };
  return typeof reason === 'string' && reason !== '' ? reason : messageOf(error).split('\n', 1)[0]!;
}

const MAX_SHOWN = 80; // characters of peer text in a message

/** Peer bytes made safe for a message: control characters escaped, cut at 80 characters. */
export function printable(text: string | Buffer): string {
  const raw =
    typeof text === 'string' ? text.slice(0, MAX_SHOWN + 1) : text.toString('latin1', 0, MAX_SHOWN + 1);
  const cut = raw.length > MAX_SHOWN ? `${raw.slice(0, MAX_SHOWN)}…` : raw;
  return cut.replace(
    /[\u0000-\u001f\u007f-\u00a0]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

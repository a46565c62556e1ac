// The configuration file as a schema: every key with its kind, range, default and description. Defaults
// that depend on other keys or on the machine are null here and filled in by resolve.ts; what keys must
// agree on with each other is check.ts.

import type * as z from 'zod';
import { proxyAuth, proxyClients, proxyListen, proxyPac } from './access-schema.ts';
import {
  parseHost,
  parseHostPattern,
  parseListen,
  parseNetwork,
  parseTrustedBalancers,
} from './addresses.ts';
import { plugins } from './plugins-schema.ts';
import { proxyCa, upstreamCertificates } from './certificates-schema.ts';
import { http2 } from './http2-schema.ts';
import { proxyLimits } from './limits-schema.ts';
import { capture } from './capture-schema.ts';
import { metrics } from './metrics-schema.ts';
import { tracing } from './tracing-schema.ts';
import { profiles } from './profiles-schema.ts';
import { adaptationRanges, adaptationStreams } from './ranges-and-streams-schema.ts';
import { hold } from './patience-schema.ts';
import { proxyReverse } from './reverse-schema.ts';
import { adaptationGroups, adaptationRules, adaptationShare, notScanned } from './rules-schema.ts';
import { adaptationService, previewSize } from './service-schema.ts';
import {
  duration,
  filePath,
  flag,
  inheritedSectionOrNull,
  key,
  listOf,
  listOfSections,
  mapOf,
  mapOfValues,
  name,
  oneOf,
  orNull,
  read,
  required,
  secret,
  section,
  sectionOrNull,
  size,
  text,
  whole,
} from './values.ts';
import { proxyTlsPolicy } from './tls-schema.ts';
import { syslog, webhooks } from './siem-schema.ts';
import { usercheck } from './usercheck-schema.ts';
import { background, quarantine, serviceRules, verdicts } from './verdicts-schema.ts';
import { targets, upstreamWays } from './ways-out-schema.ts';
import { adaptationWebSocket } from './websocket-schema.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000; // milliseconds
const HOUR = 3600 * SECOND;

const listen = read('host:port', parseListen);
const proxyProtocol = read('true | false | list of network', parseTrustedBalancers);
const timeLimit = duration(1, 24 * HOUR);
const basicAuth = {
  basic: section({ file: required(filePath, 'File of `weir gateway passwd`.') }, 'Basic authentication.'),
};

const proxyTls = {
  cert: required(filePath, 'PEM file with the certificate chain.'),
  key: required(filePath, 'PEM file with the private key.'),
};

const proxy = section(
  {
    listen: proxyListen,
    certs: key(
      orNull(filePath),
      null,
      'Folder of the lab CA. Null: certs of the checkout, or $XDG_DATA_HOME/weir/certs when installed.',
    ),
    ca: proxyCa,
    tls: proxyTlsPolicy,
    upstream: section(
      {
        trust: listOf(filePath, [], 'PEM files with further certificate authorities that vouch for origins.'),
        verify: key(flag, true, 'Whether the certificates of origins are verified.'),
        ...upstreamCertificates,
        ...upstreamWays,
        engine: key(
          oneOf('native', 'undici'),
          'native',
          'HTTP client towards origins: native keeps every byte and is the faster; undici stands beside it.',
        ),
        hosts: mapOfValues(
          read('host | *.suffix', parseHostPattern),
          read('host | IP address', parseHost),
          'Addresses to connect to instead of what DNS says, by host name.',
        ),
        connectTimeout: key(timeLimit, '10s', 'Time to a connection with the origin, TLS included.'),
        responseTimeout: key(timeLimit, '5m', 'Time from the request sent to the head of the response.'),
      },
      'The way to the origins.',
    ),
    http2,
    auth: proxyAuth,
    clients: proxyClients,
    targets,
    reverse: proxyReverse,
    pac: proxyPac,
    limits: proxyLimits,
  },
  'The forward proxy.',
);

const adaptation = section(
  {
    services: mapOf(
      name,
      adaptationService,
      'ICAP services by name. `sandblast`, of the own gateway, is always there unless given here.',
    ),
    groups: adaptationGroups,
    rules: adaptationRules,
    share: adaptationShare,
    notScanned,
    ranges: adaptationRanges,
    streams: adaptationStreams,
    webSocket: adaptationWebSocket,
    hold,
    spool: section(
      {
        memory: key(size(0, 64 * MiB), '256KiB', 'Bytes of a body kept in memory before a file is used.'),
        total: key(
          size(MiB, 1024 * 1024 * MiB),
          '4096MiB',
          'Bytes kept for all messages together, in memory and files; beyond it messages fail as onError says.',
        ),
        folder: key(orNull(filePath), null, "Folder for spool files. Null: the system's temporary folder."),
      },
      'Where bodies wait for a verdict.',
    ),
  },
  "The proxy's ICAP client.",
);

/** An entry of gateway.services; resolve.ts reads the built-in ones through it as well. */
export const gatewayService = section(
  {
    profile: key(orNull(name), null, 'Profile that the service scans with. Null: optimized.'),
    rules: serviceRules,
    maxConnections: key(
      orNull(whole(1, 1_000_000)),
      null,
      'Connections that clients are told to open. Null: gateway.limits.connections.',
    ),
    auth: inheritedSectionOrNull(
      basicAuth,
      'Who may use the service; null: every client that may connect. Default: gateway.auth.',
    ),
    preview: key(previewSize, '4KiB', 'Preview that clients are told to send.'),
    methods: listOf(oneOf('REQMOD', 'RESPMOD'), ['REQMOD', 'RESPMOD'], 'Methods that are offered.'),
    optionsTtl: key(duration(SECOND, 24 * HOUR), '1h', 'Time that clients may keep the OPTIONS response.'),
  },
  'An ICAP service of the gateway.',
);

const gateway = section(
  {
    name: key(
      text('name', 'a name of visible ASCII characters', /^[!-~]{1,64}$/),
      'weir',
      'Name in Via and Service.',
    ),
    listen: listOfSections(
      {
        listen: required(listen, 'Address and port.'),
        tls: sectionOrNull(
          {
            ...proxyTls,
            clientCa: key(orNull(filePath), null, 'PEM file; clients must then show a certificate of it.'),
          },
          'Makes this listener an icaps one; 11344 is the usual port.',
        ),
        proxyProtocol: key(
          proxyProtocol,
          false,
          'Networks of balancers that name their clients in a PROXY header (v1 or v2), which is then required. True: those of gateway.allow.',
        ),
      },
      { preset: ['127.0.0.1:1344'], short: 'listen' },
      'Where ICAP clients reach the gateway.',
    ),
    allow: listOf(
      read('network', parseNetwork),
      ['127.0.0.0/8', '::1'],
      'Networks of the ICAP clients that are served.',
    ),
    trustIdentity: listOf(
      read('network', parseNetwork),
      [],
      'Networks of ICAP clients whose X-Client-IP, X-Authenticated-User and the like are believed, not only logged. Loopback always is.',
    ),
    auth: sectionOrNull(basicAuth, 'ICAP clients must log in. Null: they need not.'),
    strict: key(flag, false, 'Refuses messages that the protocol tolerates.'),
    via: key(flag, true, 'Whether adapted messages carry a Via field.'),
    workers: sectionOrNull(
      {
        min: key(whole(0, 256), 3, 'Processes that are always there. 0: none, one process does it all.'),
        max: key(whole(1, 256), 10, 'Processes under load.'),
        minSpare: key(whole(0, 100_000), 10, 'Free handlers at or below which a process is started.'),
        maxSpare: key(whole(1, 100_000), 20, 'Free handlers at or above which an idle process is stopped.'),
        perProcess: key(whole(1, 10_000), 10, 'Handlers of a process: requests that it serves at a time.'),
      },
      'Processes that serve ICAP clients. Null: those of this section for `weir gateway`; for `weir start` none, one process does it all.',
    ),
    limits: section(
      {
        connections: key(whole(1, 1_000_000), 1000, 'ICAP connections at a time; more are answered 503.'),
        idleTimeout: key(timeLimit, '60s', 'Time that an unused connection is kept.'),
        requestTimeout: key(timeLimit, '30s', 'Longest pause within a request.'),
        handshakeTimeout: key(timeLimit, '10s', 'Time for a PROXY header, and for the TLS handshake.'),
        maxRequestsPerConnection: key(
          whole(0, 1_000_000_000),
          0,
          'Requests after which a connection is closed. 0: no limit.',
        ),
        drainBytes: key(size(0, 64 * MiB), '1MiB', 'Rest of an answered request that is still read.'),
        drainTimeout: key(timeLimit, '2s', 'Time for that rest.'),
        startLineBytes: key(size(256, MiB), '8KiB', 'Size of a request line.'),
        headerBytes: key(size(KiB, MiB), '64KiB', 'Size of an ICAP header.'),
        headerFields: key(whole(1, 10_000), 200, 'Fields of an ICAP header.'),
        sectionBytes: key(size(KiB, 4 * MiB), '128KiB', 'Size of an encapsulated HTTP header.'),
      },
      'Bounds on what an ICAP client may ask for.',
    ),
    verdicts,
    background,
    quarantine,
    services: mapOf(
      name,
      gatewayService,
      'Services by path. `sandblast`, `echo` and `info` are always there; other names scan like `sandblast`.',
    ),
  },
  'The co-located ICAP server.',
);

/** The whole file. `z.output` of it is the checked configuration that resolve.ts completes. */
export const configSchema = section(
  {
    proxy,
    adaptation,
    gateway,
    profiles,
    usercheck,
    plugins,
    dashboard: section(
      {
        listen: key(
          orNull(listen),
          '127.0.0.1:8090',
          'Address and port of `start` and `proxy`; of `gateway` where it is not the default. Null: none.',
        ),
        token: key(
          orNull(secret(text('text', 'text', /^[!-~]{1,256}$/))),
          null,
          'Token that opens it. Null: a random one, printed at start.',
        ),
      },
      'The dashboard.',
    ),
    capture,
    metrics,
    tracing,
    log: section(
      {
        level: key(
          oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
          'info',
          'Least severity that is written.',
        ),
        file: key(orNull(filePath), null, 'File that records are appended to. Null: standard output.'),
        syslog,
      },
      'The log.',
    ),
    webhooks,
    trace: section(
      {
        enabled: key(flag, true, 'Whether the steps of each transaction are kept for `weir why`.'),
        folder: key(
          orNull(filePath),
          null,
          'Folder of the traces. Null: .weir/trace of the checkout, or $XDG_STATE_HOME/weir/trace when installed.',
        ),
        maxBytes: key(size(MiB, 64 * 1024 * MiB), '64MiB', 'Size of all traces; the oldest go first.'),
        maxAge: key(duration(60 * SECOND, 30 * 24 * HOUR), '24h', 'Time that traces are kept.'),
        bodies: key(
          size(0, 64 * KiB),
          0,
          'Bytes of each preview that are kept as well: they may hold what users have typed in.',
        ),
      },
      'What is kept of each transaction, see why.md.',
    ),
    reload: section(
      {
        watch: key(
          flag,
          true,
          'Whether a change of this file, or of a file that it names, is applied at once. SIGHUP always is.',
        ),
      },
      'Taking over a changed configuration while running.',
    ),
    shutdown: section(
      { grace: key(duration(0, HOUR), '10s', 'Time for transactions to finish after SIGTERM.') },
      'The end.',
    ),
  },
  'Configuration of Weir.',
);

/** The configuration with all values read and checked one by one, defaults of the schema filled in. */
export type CheckedConfig = z.output<typeof configSchema>;

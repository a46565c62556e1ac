// The configuration file as a schema: every key with its kind, range, default and description. Defaults
// that depend on other keys or on the machine are null here and filled in by resolve.ts; what keys must
// agree on with each other is check.ts.

import type * as z from 'zod';
import {
  parseHost,
  parseHostPattern,
  parseIcapUrl,
  parseListen,
  parseNetwork,
  parseTarget,
  parseUrl,
} from './addresses.ts';
import {
  duration,
  filePath,
  flag,
  inherited,
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
  requiredListOf,
  secret,
  section,
  sectionOrNull,
  size,
  text,
  whole,
} from './values.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000; // milliseconds
const HOUR = 3600 * SECOND;

const listen = read('host:port', parseListen);
const hostPattern = read('host | *.suffix | *', parseHostPattern);
const timeLimit = duration(1, 24 * HOUR);
const previewSize = size(0, 64 * KiB);
const method = text('method', 'an HTTP method in capitals, or *', /^(?:[A-Z][A-Z-]{0,31}|\*)$/);
const mediaType = text(
  'media type',
  'a media type such as text/html, image/* or */*',
  /^(?:\*\/\*|[\w.+-]{1,64}\/(?:\*|[\w.+-]{1,64}))$/,
);
const bladeName = text(
  'blade name',
  'a blade name of lower-case letters, digits and dashes',
  /^[a-z0-9][a-z0-9-]*$/,
);

const proxyTls = {
  cert: required(filePath, 'PEM file with the certificate chain.'),
  key: required(filePath, 'PEM file with the private key.'),
};

const proxy = section(
  {
    listen: listOfSections(
      {
        listen: required(listen, 'Address and port.'),
        tls: sectionOrNull(proxyTls, 'Makes this listener an HTTPS proxy.'),
      },
      { preset: ['127.0.0.1:8080'], short: 'listen' },
      'Where clients reach the proxy.',
    ),
    certs: key(
      orNull(filePath),
      null,
      'Folder of the lab CA. Null: certs of the checkout, or $XDG_DATA_HOME/weir/certs when installed.',
    ),
    tls: section(
      {
        rules: listOfSections(
          {
            hosts: requiredListOf(hostPattern, 'Hosts that the rule is for.'),
            action: required(
              oneOf('bump', 'splice', 'terminate'),
              'bump decrypts, splice passes through unread, terminate closes the connection.',
            ),
          },
          { preset: [] },
          'What happens to TLS connections; the first rule that matches wins, none means bump.',
        ),
      },
      'Interception of TLS.',
    ),
    upstream: section(
      {
        trust: listOf(filePath, [], 'PEM files with further certificate authorities that vouch for origins.'),
        verify: key(flag, true, 'Whether the certificates of origins are verified.'),
        proxy: key(
          orNull(read('URL', (input) => parseUrl(['http:', 'https:', 'socks5:'], input))),
          null,
          'Parent proxy.',
        ),
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
    auth: sectionOrNull(
      { basic: section({ file: required(filePath, 'htpasswd file.') }, 'Basic authentication.') },
      'Authentication of clients.',
    ),
    targets: section(
      {
        deny: listOf(
          read('network | host pattern', parseTarget),
          [],
          'Networks and hosts that clients may not reach through the proxy.',
        ),
      },
      'What the proxy may be used for.',
    ),
    reverse: listOfSections(
      {
        listen: required(listen, 'Address and port.'),
        target: required(
          read('URL', (input) => parseUrl(['http:', 'https:'], input)),
          'The application behind it.',
        ),
      },
      { preset: [] },
      'Applications that Weir stands in front of.',
    ),
    limits: section(
      {
        connections: key(whole(1, 1_000_000), 10_000, 'Client connections at a time; more are refused.'),
        headerBytes: key(size(KiB, MiB), '64KiB', 'Size of a message head.'),
        headerFields: key(whole(1, 10_000), 200, 'Header fields of a message.'),
        uriBytes: key(size(256, MiB), '32KiB', 'Size of a request target.'),
        headTimeout: key(timeLimit, '30s', 'Time for a complete request head, from its first byte.'),
        idleTimeout: key(timeLimit, '60s', 'Time that an unused connection is kept.'),
        handshakeTimeout: key(timeLimit, '15s', 'Time for the TLS handshake with a client.'),
      },
      'Bounds on what a client may ask for.',
    ),
  },
  'The forward proxy.',
);

/** An entry of adaptation.services; resolve.ts reads the built-in one through it as well. */
export const adaptationService = section(
  {
    url: required(read('ICAP URL', parseIcapUrl), 'icap://host:1344/path or icaps://host:11344/path.'),
    onError: key(
      oneOf('block', 'bypass'),
      'block',
      'What happens to a message when the service fails: block refuses it, bypass lets it pass unscanned.',
    ),
    timeout: key(timeLimit, '30s', 'Longest silence of the service.'),
    connectTimeout: key(timeLimit, '5s', 'Time to a connection with the service, TLS included.'),
    preview: key(
      orNull(previewSize),
      null,
      'Bytes sent ahead for the service to decide on. Null: what its OPTIONS response says.',
    ),
    inProcess: key(flag, true, 'Whether a URL of the own gateway is served without a socket.'),
  },
  'An ICAP service.',
);

const adaptation = section(
  {
    services: mapOf(
      name,
      adaptationService,
      'ICAP services by name. `sandblast`, of the own gateway, is always there unless given here.',
    ),
    groups: mapOf(
      name,
      section(
        {
          services: requiredListOf(name, 'Members, in order of preference.'),
          strategy: key(
            oneOf('failover', 'round-robin', 'least-busy', 'hash'),
            'failover',
            'How a member is chosen.',
          ),
        },
        'Services that stand in for each other.',
      ),
      'Groups of services by name.',
    ),
    rules: listOfSections(
      {
        point: required(oneOf('reqmod', 'respmod'), 'Whether requests or responses are sent.'),
        use: requiredListOf(name, 'Services and groups, in this order.'),
        when: sectionOrNull(
          {
            hosts: listOf(hostPattern, ['*'], 'Hosts of the URL.'),
            types: listOf(mediaType, ['*/*'], 'Media types of the message.'),
            methods: listOf(method, ['*'], 'Methods of the request.'),
          },
          'Restricts the rule; null means every message.',
        ),
      },
      {
        preset: [
          { point: 'reqmod', use: ['sandblast'] },
          { point: 'respmod', use: ['sandblast'] },
        ],
      },
      'Which messages go to which services; all rules that match run, in order.',
    ),
    spool: section(
      {
        memory: key(size(0, 64 * MiB), '256KiB', 'Bytes of a body kept in memory before a file is used.'),
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
    maxConnections: key(
      orNull(whole(1, 1_000_000)),
      null,
      'Connections that clients are told to open. Null: gateway.limits.connections.',
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
          'Makes this listener an icaps one.',
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
    strict: key(flag, false, 'Refuses messages that the protocol tolerates.'),
    via: key(flag, true, 'Whether adapted messages carry a Via field.'),
    workers: section(
      {
        min: key(whole(1, 256), 3, 'Workers that are always there.'),
        max: key(whole(1, 256), 8, 'Workers under load.'),
      },
      'Processes that scan.',
    ),
    limits: section(
      {
        connections: key(whole(1, 1_000_000), 1000, 'ICAP connections at a time; more are answered 503.'),
        idleTimeout: key(timeLimit, '60s', 'Time that an unused connection is kept.'),
        requestTimeout: key(timeLimit, '30s', 'Longest pause within a request.'),
      },
      'Bounds on what an ICAP client may ask for.',
    ),
    services: mapOf(
      name,
      gatewayService,
      'Services by path. `sandblast`, `echo` and `info` are always there; other names scan like `sandblast`.',
    ),
  },
  'The co-located ICAP server.',
);

const profiles = mapOf(
  name,
  section(
    {
      base: inherited(name, 'Profile that everything not given here comes from. Default: optimized.'),
      onError: inherited(oneOf('block', 'allow'), 'Verdict when a blade fails. Default: as base.'),
      blades: mapOf(
        bladeName,
        section(
          {
            enabled: inherited(
              flag,
              'Whether the blade runs. Default: as base, true for one that base lacks.',
            ),
            mode: inherited(
              oneOf('inline', 'background', 'hold'),
              'inline waits for the verdict, background only reports it, hold keeps the user waiting with progress. Default: as base, else inline.',
            ),
            timeout: inherited(timeLimit, 'Time for a verdict. Default: as base, else 30s.'),
          },
          'Settings of one blade.',
        ),
        'Blades by name.',
      ),
    },
    'A scanning profile.',
  ),
  'Scanning profiles by name; basic, optimized and strict are built in.',
);

/** The whole file. `z.output` of it is the checked configuration that resolve.ts completes. */
export const configSchema = section(
  {
    proxy,
    adaptation,
    gateway,
    profiles,
    plugins: listOfSections(
      {
        use: required(text('path | package', 'a path or a package name', /^[^\0]{1,4096}$/), 'What to load.'),
        with: key(
          read('any', (input) => input),
          null,
          'Options; the plugin says which.',
        ),
      },
      { preset: ['./plugins/antivirus'], short: 'use' },
      'Plugins: folders, files or npm packages, seen from the folder of this file.',
    ),
    dashboard: section(
      {
        listen: key(listen, '127.0.0.1:8090', 'Address and port.'),
        token: key(
          orNull(secret(text('text', 'text', /^[!-~]{1,256}$/))),
          null,
          'Token that opens it. Null: a random one, printed at start.',
        ),
      },
      'The dashboard.',
    ),
    log: section(
      {
        level: key(
          oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
          'info',
          'Least severity that is written.',
        ),
        file: key(orNull(filePath), null, 'File that records are appended to. Null: standard output.'),
      },
      'The log.',
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

// The resolved configuration: what the rest of the program reads. Nothing is optional, paths are
// absolute, sizes are bytes, durations milliseconds, and every name refers to something that exists.

import type { ProxyAuthConfig, ProxyClientsConfig, ProxyListener } from './access-types.ts';
import type { IcapUrl, ListenAddress, Network } from './addresses.ts';
import type { GatewayConfig, ResolvedProfile } from './gateway-types.ts';
import type { SyslogConfig, WebhookConfig } from './siem-types.ts';
import type { TlsConfig } from './tls-rules.ts';
import type { TargetsConfig, WaysOutConfig } from './ways-out.ts';

export type * from './access-types.ts';
export type * from './gateway-types.ts';
export type * from './siem-types.ts';
export type { SelfHealingConfig, TlsConfig, TlsRule } from './tls-rules.ts';

export interface ResolvedConfig {
  proxy: ProxyConfig;
  adaptation: AdaptationConfig;
  gateway: GatewayConfig;
  /** By name; the built-in ones are always there. */
  profiles: Record<string, ResolvedProfile>;
  usercheck: UserCheckConfig;
  plugins: PluginEntry[];
  dashboard: DashboardConfig;
  capture: CaptureConfig;
  metrics: MetricsConfig;
  tracing: TracingConfig;
  log: { level: LogLevel; file: string | null; syslog: SyslogConfig[] };
  webhooks: WebhookConfig[];
  trace: TraceConfig;
  reload: { watch: boolean };
  shutdown: { graceMs: number };
}

export interface DashboardConfig {
  /** Null: there is none. */
  listen: ListenAddress | null;
  /** Null: a random one. */
  token: string | null;
}

/** What the dashboard may show of messages; sizes in bytes. */
export interface CaptureConfig {
  enabled: boolean;
  bodies: number;
  wire: number;
  memory: number;
  secrets: boolean;
}

/** Where spans of transactions are sent. */
export interface TracingConfig {
  /** Null: nowhere. */
  endpoint: string | null;
  headers: Record<string, string>;
  /** 0 to 1. */
  sample: number;
  follow: boolean;
  service: string;
}

/** Pages for users, and continuing past blocks. */
export interface UserCheckConfig {
  /** Folder; null: the built-in page. */
  templates: string | null;
  /** Of the key and what was granted. */
  folder: string;
  answerWithinMs: number;
  critical: boolean;
}

export interface MetricsConfig {
  enabled: boolean;
  /** Null: only where the dashboard listens. */
  listen: ListenAddress | null;
  /** Null: the dashboard's, and none from this machine itself. */
  token: string | null;
}

export interface TraceConfig {
  enabled: boolean;
  folder: string;
  maxBytes: number;
  maxAgeMs: number;
  /** Bytes of each preview. */
  bodies: number;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface ProxyConfig {
  listen: ProxyListener[];
  /** Folder of the lab CA. */
  certs: string;
  ca: CaConfig;
  tls: TlsConfig;
  upstream: UpstreamConfig;
  http2: Http2Config;
  /** Null: nobody has to log in. */
  auth: ProxyAuthConfig | null;
  clients: ProxyClientsConfig;
  targets: TargetsConfig;
  reverse: ReverseListener[];
  /** `direct`: host patterns that proxy.pac sends past the proxy. */
  pac: { direct: string[] };
  limits: ProxyLimits;
}

export interface ReverseListener extends ListenAddress {
  /** `http://` or `https://` URL of the application; a path is put in front of every request's. */
  target: string;
  /** Null: plain HTTP. */
  tls: { cert: string; key: string } | null;
  /** Networks of balancers whose X-Forwarded fields are kept. */
  trustForwarded: Network[];
  /** Fields that tell the application of the client. */
  forwarded: 'x-forwarded' | 'forwarded' | 'both' | 'none';
  /** The application gets the client's Host; else that of its own URL. */
  passHost: boolean;
  /** 0: each request has a connection of its own. */
  keepAliveMs: number;
}

export interface CaConfig {
  /** Null: WEIR_CA_PASSPHRASE of the environment, if it is set. */
  passphraseFile: string | null;
  /** Of a CA that is made. */
  keyType: 'ec' | 'rsa';
  /** Likewise; empty: no limits. */
  nameConstraints: string[];
  wildcards: boolean;
  keepLeafs: boolean;
}

export interface Http2Config {
  client: boolean;
  /** Auto: for requests that came by HTTP/2. */
  origin: 'auto' | 'always' | 'never';
  maxStreams: number;
  windowBytes: number;
  altSvc: 'remove' | 'keep';
}

export interface CertificateErrorRule {
  /** Host patterns. */
  hosts: string[];
  action: 'block' | 'warn' | 'mirror';
}

export interface UpstreamConfig extends WaysOutConfig {
  /** PEM files. */
  trust: string[];
  verify: boolean;
  /** The first rule whose hosts fit decides; none: block. */
  onCertError: CertificateErrorRule[];
  certErrorPassMs: number;
  /** Intermediate certificates that are missing are fetched. */
  completeChains: boolean;
  revocation: 'off' | 'stapled' | 'crl';
  /** Files. */
  crls: string[];
  engine: 'native' | 'undici';
  /** Host name or `*.suffix` to the IP address or name to connect to instead. */
  hosts: Record<string, string>;
  connectTimeoutMs: number;
  /** From the request sent to the head of the response. */
  responseTimeoutMs: number;
}

export interface ProxyLimits {
  connections: number;
  headerBytes: number;
  headerFields: number;
  uriBytes: number;
  headTimeoutMs: number;
  idleTimeoutMs: number;
  handshakeTimeoutMs: number;
  /** Bytes a second of a request body, on average over a window; 0: any. */
  bodyRate: number;
  bodyRateWindowMs: number;
  /** From a request to the end of its answer; null: no limit. */
  totalTimeoutMs: number | null;
}

export interface AdaptationConfig {
  /** By name; `sandblast` is always there. */
  services: Record<string, AdaptationService>;
  groups: Record<string, AdaptationGroup>;
  rules: AdaptationRule[];
  /** Names of ICAP fields that services of one transaction share. */
  share: string[];
  /** What happens to messages that were not scanned; without an entry, what the service says. */
  notScanned: Partial<Record<NotScannedKey, 'allow' | 'block'>>;
  ranges: AdaptationRanges;
  streams: AdaptationStreams;
  webSocket: AdaptationWebSocket;
  /** Bytes up to which an answer is delivered whole or not at all. */
  holdBytes: number;
  patience: PatienceConfig;
  spool: { memoryBytes: number; totalBytes: number; folder: string };
}

/** What clients get while a scan takes long. */
export interface PatienceConfig {
  /** How long it may take before they get something. */
  afterMs: number;
  browser: 'page' | 'trickle' | 'wait';
  program: 'trickle' | 'accepted' | 'wait';
  /** Bytes a second that are trickled. */
  rateBytes: number;
  /** Bytes of the end that are not. */
  tailBytes: number;
  /** User-Agents of programs; `*` stands for any characters. */
  agents: string[];
  ticketMs: number;
  /** Answers that are kept for a client that is not waiting. */
  files: number;
}

export interface AdaptationService {
  name: string;
  url: IcapUrl;
  onError: 'block' | 'bypass';
  onOverload: 'wait' | 'bypass' | 'block';
  /** X-Next-Services of its answers counts. */
  routing: boolean;
  /** Null: what the service's OPTIONS response says. */
  maxConnections: number | null;
  failureLimit: number;
  timeoutMs: number;
  connectTimeoutMs: number;
  /** Null: what the service's OPTIONS response says. False: never a preview. */
  previewBytes: number | false | null;
  /** Further attempts with a message that failed before it was answered. */
  retries: number;
  /** What the service is allowed to answer with. */
  allow: ('204' | '206' | 'trailers')[];
  sendTrailers: boolean | 'auto';
  identity: {
    /** Field names, or `auto`: those of the service's X-Include. */
    headers: 'auto' | IdentityHeader[];
    encoding: 'auto' | 'base64' | 'plain';
  };
  /** Names of HTTP fields whose values the service does not see, lower case. */
  redact: string[];
  strict: boolean;
  /** Of `icaps` URLs. */
  tls: {
    /** PEM files; empty: the system's authorities. */
    ca: string[];
    /** PEM files; both or neither. */
    cert: string | null;
    key: string | null;
    verify: boolean;
    serverName: string | null;
  };
  inProcess: boolean;
}

export type IdentityHeader =
  | 'X-Client-IP'
  | 'X-Server-IP'
  | 'X-Authenticated-User'
  | 'X-Authenticated-Groups'
  | 'X-Authentication-User'
  | 'X-Client-Username';

export interface AdaptationGroup {
  name: string;
  /** Names of services, at least one. */
  services: string[];
  strategy: 'failover' | 'round-robin' | 'least-busy' | 'hash';
  hedge: boolean;
}

export interface AdaptationRule {
  point: 'reqmod' | 'respmod';
  /** Names of services or groups, no name is both; none: the message is left out. */
  use: string[];
  /** Null: every message. */
  when: AdaptationCondition | null;
  /** Rules behind it do not count for its messages. */
  stop: boolean;
}

/** An empty list says nothing. */
export interface AdaptationConditionLists {
  /** Host patterns. */
  hosts: string[];
  /** Request methods in capitals, or `*`. */
  methods: string[];
  /** Media types in lower case, either half may be `*`. */
  types: string[];
  /** Path patterns with `*`. */
  paths: string[];
  clients: Network[];
  users: string[];
  groups: string[];
}

export interface AdaptationCondition extends AdaptationConditionLists {
  /** Bytes. */
  size: { min: number | null; max: number | null } | null;
  tls: boolean | null;
  query: 'present' | 'absent' | null;
  not: AdaptationConditionLists | null;
}

export interface AdaptationRanges {
  mode: 'whole' | 'strip' | 'fragment' | 'block';
  /** Largest object that is fetched for a part of it. */
  maxBytes: number;
  /** 0: nothing is kept. */
  keepMs: number;
  /** Bytes of all objects that are kept. */
  totalBytes: number;
  share: 'all' | 'client';
}

export interface AdaptationStreams {
  /** Media types in lower case, the second half may be `*`. */
  types: string[];
  policy: 'window' | 'bypass' | 'block';
  windowBytes: number;
  overlapBytes: number;
  everyMs: number;
  /** Null: never. */
  quietAfterMs: number | null;
  quietBytes: number;
}

export interface AdaptationWebSocket {
  inspect: boolean;
  /** Bytes of a message that services see at once. */
  maxMessageBytes: number;
}

export type NotScannedKey =
  'size' | 'type' | 'policy' | 'encrypted' | 'range' | 'stream' | 'timeout' | 'service-down';

export interface PluginEntry {
  /** Path of a folder or file, or name of an npm package. */
  use: string;
  /** Options as written; an empty map when none were. */
  with: unknown;
  /** Bytes of memory of a thread of its own; null: it has none; `auto`: it has one unless it is built in. */
  isolate?: number | 'auto' | null;
  /** Absolute path of the folder that `use` is seen from. */
  resolveFrom: string;
}

// The resolved configuration: what the rest of the program reads. Nothing is optional, paths are
// absolute, sizes are bytes, durations milliseconds, and every name refers to something that exists.

import type { HostPattern, IcapUrl, ListenAddress, Network } from './addresses.ts';

export interface ResolvedConfig {
  proxy: ProxyConfig;
  adaptation: AdaptationConfig;
  gateway: GatewayConfig;
  /** By name; the built-in ones are always there. */
  profiles: Record<string, ResolvedProfile>;
  plugins: PluginEntry[];
  dashboard: { listen: ListenAddress; token: string | null };
  log: { level: LogLevel; file: string | null };
  shutdown: { graceMs: number };
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface ProxyConfig {
  listen: ProxyListener[];
  /** Folder of the lab CA. */
  certs: string;
  tls: { rules: TlsRule[] };
  upstream: UpstreamConfig;
  /** Always null in this version. */
  auth: { basic: { file: string } } | null;
  targets: { deny: (Network | HostPattern)[] };
  /** Always empty in this version. */
  reverse: { listen: ListenAddress; target: string }[];
  limits: ProxyLimits;
}

export interface ProxyListener extends ListenAddress {
  /** Always null in this version. */
  tls: { cert: string; key: string } | null;
}

export interface TlsRule {
  /** Host patterns: `name`, `*.suffix`, `*` or an IP address. */
  hosts: string[];
  action: 'bump' | 'splice' | 'terminate';
}

export interface UpstreamConfig {
  /** PEM files. */
  trust: string[];
  verify: boolean;
  /** Always null in this version. */
  proxy: string | null;
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
}

export interface AdaptationConfig {
  /** By name; `sandblast` is always there. */
  services: Record<string, AdaptationService>;
  groups: Record<string, AdaptationGroup>;
  rules: AdaptationRule[];
  spool: { memoryBytes: number; folder: string };
}

export interface AdaptationService {
  name: string;
  url: IcapUrl;
  onError: 'block' | 'bypass';
  timeoutMs: number;
  connectTimeoutMs: number;
  /** Null: what the service's OPTIONS response says. */
  previewBytes: number | null;
  inProcess: boolean;
}

export interface AdaptationGroup {
  name: string;
  /** Names of services, at least one. */
  services: string[];
  strategy: 'failover' | 'round-robin' | 'least-busy' | 'hash';
}

export interface AdaptationRule {
  point: 'reqmod' | 'respmod';
  /** Names of services or groups, at least one; no name is both. */
  use: string[];
  /** Null: every message. */
  when: AdaptationCondition | null;
}

export interface AdaptationCondition {
  /** Host patterns. */
  hosts: string[];
  /** Media types, either half may be `*`. */
  types: string[];
  /** Request methods in capitals, or `*`. */
  methods: string[];
}

export interface GatewayConfig {
  name: string;
  listen: GatewayListener[];
  allow: Network[];
  strict: boolean;
  via: boolean;
  /** Without effect in this version, which has one process. */
  workers: { min: number; max: number };
  limits: { connections: number; idleTimeoutMs: number; requestTimeoutMs: number };
  /** By name, which is the path without its slash; `sandblast`, `echo` and `info` are always there. */
  services: Record<string, GatewayService>;
}

export interface GatewayListener extends ListenAddress {
  /** Always null in this version. */
  tls: { cert: string; key: string; clientCa: string | null } | null;
}

export interface GatewayService {
  name: string;
  kind: 'scan' | 'echo' | 'info';
  /** Name of the profile; null for `echo` and `info`, which scan nothing. */
  profile: string | null;
  maxConnections: number;
  previewBytes: number;
  methods: ('REQMOD' | 'RESPMOD')[];
  optionsTtlMs: number;
}

export interface ResolvedProfile {
  name: string;
  /** Null for a built-in profile. */
  base: string | null;
  onError: 'block' | 'allow';
  /** By blade name; a blade that is not here is not enabled. */
  blades: Record<string, BladeSettings>;
}

export interface BladeSettings {
  enabled: boolean;
  mode: 'inline' | 'background' | 'hold';
  timeoutMs: number;
}

export interface PluginEntry {
  /** Path of a folder or file, or name of an npm package. */
  use: string;
  /** Options as written; an empty map when none were. */
  with: unknown;
  /** Absolute path of the folder that `use` is seen from. */
  resolveFrom: string;
}

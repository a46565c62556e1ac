// The gateway's part of the resolved configuration: its listeners, workers, limits, services and profiles.

import type { ListenAddress, Network } from './addresses.ts';

export interface GatewayConfig {
  name: string;
  listen: GatewayListener[];
  allow: Network[];
  strict: boolean;
  via: boolean;
  /** Null: what the command is for decides (`workerRule` in src/app.ts). */
  workers: GatewayWorkers | null;
  /** Networks of ICAP clients whose word on the user behind a message is taken; loopback is besides. */
  trustIdentity: Network[];
  /** Password file that ICAP clients log in against; null: nobody has to. */
  auth: BasicAuthConfig | null;
  limits: GatewayLimits;
  /** What is remembered of content that was judged. */
  verdicts: { folder: string; entries: number; maxAgeMs: number };
  /** Blades of mode background; bytes are of all bodies that wait. */
  background: { queue: number; bytes: number; atOnce: number };
  quarantine: QuarantineConfig;
  /** By name, which is the path without its slash; `sandblast`, `echo` and `info` are always there. */
  services: Record<string, GatewayService>;
}

export interface QuarantineConfig {
  folder: string;
  maxBytes: number;
  maxAgeMs: number;
  /** Bytes of one body. */
  maxFile: number;
}

/** A profile for certain clients; an empty list says nothing. */
export interface ServiceRule {
  icapClients: Network[];
  /** Of the users behind the ICAP client, where it is believed. */
  clients: Network[];
  profile: string;
}

export interface GatewayWorkers {
  /** 0: no worker processes. */
  min: number;
  max: number;
  minSpare: number;
  maxSpare: number;
  perProcess: number;
}

export interface GatewayListener extends ListenAddress {
  /** Null: plain icap. */
  tls: { cert: string; key: string; clientCa: string | null } | null;
  /** Networks of the balancers that send a PROXY header first; null: none is expected. */
  proxyProtocol: Network[] | null;
}

export interface BasicAuthConfig {
  basic: { file: string };
}

export interface GatewayLimits {
  connections: number;
  idleTimeoutMs: number;
  requestTimeoutMs: number;
  handshakeTimeoutMs: number;
  drainBytes: number;
  drainTimeoutMs: number;
  /** 0: unlimited. */
  maxRequestsPerConnection: number;
  head: { startLineBytes: number; headerBytes: number; headerFields: number; sectionBytes: number };
}

export interface GatewayService {
  name: string;
  kind: 'scan' | 'echo' | 'info';
  /** Name of the profile; null for `echo` and `info`, which scan nothing. */
  profile: string | null;
  /** The first that fits decides, before `profile`. */
  rules: ServiceRule[];
  maxConnections: number;
  /** Null: nobody has to log in. */
  auth: BasicAuthConfig | null;
  previewBytes: number;
  methods: ('REQMOD' | 'RESPMOD')[];
  optionsTtlMs: number;
}

export interface ResolvedProfile {
  name: string;
  /** Null for a built-in profile. */
  base: string | null;
  onError: 'block' | 'allow';
  /** For all blades of a message together; null: only the limit of each. */
  timeoutMs: number | null;
  /** Bytes of the largest body that is inspected; null: any. */
  maxSize: number | null;
  /** Levels of archives; null: as the blades have it. */
  depth: number | null;
  /** Verdicts on content are remembered. */
  cache: boolean;
  quarantine: 'off' | 'content' | 'all';
  /** What a user may do about a block. */
  action: 'prevent' | 'ask' | 'inform';
  /** How long a user may have what was blocked then. */
  rememberMs: number;
  /** By blade name; a blade that is not here is not enabled. */
  blades: Record<string, BladeSettings>;
}

export interface BladeSettings {
  enabled: boolean;
  mode: 'inline' | 'background' | 'hold';
  timeoutMs: number;
  /** Absent: the profile's. */
  action?: 'prevent' | 'ask' | 'inform';
  rememberMs?: number;
}

// What a gateway is told: its services with their profiles, who may connect, its limits, what it remembers.
// Read from the configuration by from-config.ts.

import type { SpoolOptions } from '../http/spool.ts';
import type { PasswordOptions } from '../icap/server/access.ts';
import type { IcapServerLimits, ServerPeers } from '../icap/server/context.ts';
import type { ListenerOptions } from '../icap/server/entrance.ts';
import type { ModMethod } from '../icap/service.ts';
import type { Blade, RegisteredService } from '../plugin/api.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { MemoryOptions } from './gateway-memory.ts';
import type { InspectionProfile } from './inspection.ts';
import type { ProfileRule } from './profile-choice.ts';
import type { PoolStatus } from './workers/messages.ts';

export interface GatewayServiceOptions {
  readonly name: string;
  readonly kind: 'scan' | 'echo' | 'info';
  /** For `scan`. */
  readonly profile: InspectionProfile | null;
  /** Profiles for certain clients. Default none. */
  readonly rules?: readonly ProfileRule[];
  readonly methods: readonly ModMethod[];
  readonly previewBytes: number;
  readonly maxConnections: number;
  readonly optionsTtlSeconds: number;
}

export interface GatewayOptions {
  /** Name of this gateway in the Via that it adds; null adds none. */
  readonly via: string | null;
  readonly services: readonly GatewayServiceOptions[];
  readonly blades: readonly Blade[];
  /** Services of plugins, at paths of their own. Default none. */
  readonly pluginServices?: readonly {
    readonly service: RegisteredService;
    readonly maxConnections: number;
  }[];
  readonly strict: boolean;
  readonly allow: readonly string[];
  /** Networks of ICAP clients whose word on the user is taken; default none but loopback. */
  readonly trustIdentity?: readonly string[];
  /** Password files by service; default none. */
  readonly passwords?: PasswordOptions;
  /** For connections that are adopted; default none. */
  readonly listeners?: readonly ListenerOptions[];
  readonly limits: IcapServerLimits;
  readonly spool: SpoolOptions;
  readonly telemetry: Telemetry;
  /** Verdicts that are remembered, background blades, quarantine. Absent or null: none of these. */
  readonly memory?: MemoryOptions | null;
  /** The worker processes that it belongs to; absent or null where it runs alone. */
  readonly pool?: GatewayPool | null;
}

/** What a listener has beside its address. */
export type ListenerSecurity = Pick<ListenerOptions, 'tls' | 'proxyProtocol'>;

/** The worker processes behind one port, as a gateway among or beside them sees them. */
export interface GatewayPool {
  /** Requests that all of them serve at a time, at most. */
  readonly handlers: number;
  /** Null for a gateway that is none of the workers: their load does not bound it. */
  readonly peers: ServerPeers | null;
  /** State of all processes for the status page; null when it cannot be had now. */
  status(): Promise<PoolStatus | null>;
}

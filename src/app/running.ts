// What runs: everything that startWeir has made and that a reload replaces piece by piece.

import type { CertificateAuthority } from '../ca/authority.ts';
import type { LeafContexts } from '../ca/leaf-cache.ts';
import type { GatewayListener, ProxyListener, ResolvedConfig } from '../config/types.ts';
import type { Gateway, GatewayPool } from '../gateway/gateway.ts';
import type { GatewaySupervisor } from '../gateway/workers/supervisor.ts';
import type { ServiceState } from '../icap/client/health.ts';
import { IcapServiceClient } from '../icap/client/service-client.ts';
import type { ProxyServer } from '../proxy/proxy-server.ts';
import type { Log } from '../telemetry/log.ts';
import type { AccessPart } from './access-part.ts';
import type { BladeSet } from './blade-set.ts';
import type { Listeners } from './listeners.ts';
import type { Outlets } from './outlets.ts';
import type { ProxyParts } from './proxy-parts.ts';
import type { ReloadResult } from './reload.ts';
import type { ReverseProxy } from './reverse.ts';
import type { SetupSite } from './setup-part.ts';

export interface Halves {
  readonly proxy: boolean;
  readonly gateway: boolean;
}

/** The certificate authority, as it was read from its folder. */
export interface CaPart {
  readonly folder: string;
  /** Equal where the contexts may stay as they are. */
  readonly key: string;
  readonly authority: CertificateAuthority;
  readonly created: boolean;
  readonly contexts: LeafContexts;
  /** When another authority takes over, milliseconds since the epoch; null: none waits. */
  readonly nextActiveFrom: number | null;
}

export interface ProxyHalf {
  readonly server: ProxyServer;
  readonly listeners: Listeners<ProxyListener>;
  readonly reverse: ReverseProxy;
  readonly site: SetupSite;
  ca: CaPart;
  access: AccessPart;
  parts: ProxyParts;
}

/** The gateway of this process: beside a proxy, which calls it directly, or alone without workers. */
export interface OwnGateway {
  readonly gateway: Gateway;
  /** Open only where no workers listen and the gateway half runs. */
  readonly listeners: Listeners<GatewayListener>;
  blades: BladeSet;
  /** All that are not closed: the one in force, and those that finish what they have begun. */
  readonly bladeSets: Set<BladeSet>;
}

export interface Running {
  readonly halves: Halves;
  readonly log: Log;
  readonly outlets: Outlets;
  /** Null where workers do all of the gateway's work. */
  readonly own: OwnGateway | null;
  /** The gateway's worker processes; null where it is in this one. */
  readonly workers: GatewaySupervisor | null;
  /** Null where no proxy runs. */
  readonly proxy: ProxyHalf | null;
  /** What a reload cannot put in force is still as it says. */
  readonly configAtStart: ResolvedConfig;
  config: ResolvedConfig;
  stopping: boolean;
  /** As RunningWeir.reloadPlugin. */
  reloadPlugin?: (name: string) => Promise<ReloadResult>;
}

/** Ports on which ICAP is spoken. */
export function gatewayPorts({ own, workers }: Running): number[] {
  return workers === null ? own!.listeners.ports : workers.addresses.map(({ port }) => port);
}

/** The workers as the gateway beside them sees them. */
export function poolOf(workers: GatewaySupervisor | null): GatewayPool | null {
  if (workers === null) return null;
  return { handlers: workers.handlers, peers: null, status: () => Promise.resolve(workers.status()) };
}

/** The ICAP services that the proxy uses, and whether they can be reached; those of this process always can. */
export function serviceStates({ proxy }: Running): { name: string; state: ServiceState }[] {
  return (proxy?.parts.adaptation.services ?? []).map((service) => {
    const state = service instanceof IcapServiceClient ? service.status().state : 'up';
    return { name: service.name, state };
  });
}

/** Services that are configured to scan and have nothing to do it with. */
export function idleWarnings({ own, workers }: Running): string[] {
  return (own?.gateway.idleServices ?? workers!.idleServices).map(
    (path) => `gateway service ${path} has no blade to inspect with: it lets everything pass`,
  );
}

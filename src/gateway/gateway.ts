// The gateway as a whole: its services by path, their reports as log records, and the ICAP listener in
// front of them. The co-located proxy uses the same services without the listener.

import type { AddressInfo, Socket } from 'node:net';
import type { WeirError } from '../errors.ts';
import type { PasswordOptions } from '../icap/server/access.ts';
import type { ChangeableOptions } from '../icap/server/server.ts';
import { IcapServer } from '../icap/server/server.ts';
import type { IcapReport, IcapService, IcapServiceHost, IcapTransaction } from '../icap/service.ts';
import { infoPage } from '../pages/index.ts';
import type { Page, PageAudience } from '../pages/index.ts';
import type { Blade } from '../plugin/api.ts';
import { FloodGuard } from '../telemetry/flood-guard.ts';
import { gatewaySpans } from './spans.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { networkOf } from '../util/networks.ts';
import { Usage } from '../util/usage.ts';
import { WEIR_VERSION } from '../util/version.ts';
import { GatewayMemory } from './gateway-memory.ts';
import type {
  GatewayOptions,
  GatewayPool,
  GatewayServiceOptions,
  ListenerSecurity,
} from './gateway-options.ts';
import type { Identity } from './identity.ts';
import { IdentityPolicy } from './identity.ts';
import { PluginService } from './plugin-service.ts';
import { meter, recordOf, verdictOf } from './report-record.ts';
import { ScanService } from './scan-service.ts';
import { EchoService, InfoService } from './simple-services.ts';
import type { PoolStatus, WorkerState } from './workers/messages.ts';

export type {
  GatewayOptions,
  GatewayPool,
  GatewayServiceOptions,
  ListenerSecurity,
} from './gateway-options.ts';

export class Gateway implements IcapServiceHost {
  readonly istag = `weir-${WEIR_VERSION.replace(/[^A-Za-z0-9.-]/g, '-').slice(0, 20)}`;
  #services = new Map<string, IcapService>();
  readonly #profiles = new WeakMap<IcapService, string>();
  #blades: readonly Blade[] = [];
  /** Messages that the present blades are working on. */
  #usage = new Usage();
  readonly #server: IcapServer;
  readonly #telemetry: Telemetry;
  readonly #pool: GatewayPool | null;
  readonly #memory: GatewayMemory | null;
  readonly #startedAt = new Date();
  readonly #counters = { allowed: 0, modified: 0, blocked: 0, error: 0 };
  readonly #floods = new FloodGuard();
  /** Told of already. */
  readonly #warned = new Set<string>();
  #identity: IdentityPolicy;

  constructor(options: GatewayOptions) {
    this.#telemetry = options.telemetry;
    this.#pool = options.pool ?? null;
    this.#memory = options.memory == null ? null : new GatewayMemory(options.memory, options.telemetry);
    this.#identity = new IdentityPolicy(options.trustIdentity ?? []);
    this.#install(options);
    this.#server = new IcapServer({
      services: this,
      peers: this.#pool?.peers ?? null,
      ...serverOptions(options),
      onRefused: (peer, error) => this.#onRefused(peer, error),
    });
  }

  /**
   * Takes over services, blades, limits and access while it runs. Requests under way finish as they began;
   * the next one, also on a connection that is open, meets the new ones, with their ISTag (S-16, G-22).
   * The log and the pool stay.
   * @returns settles when none of the blades of before is at work any more: then they may be closed
   */
  reconfigure(options: GatewayOptions): Promise<void> {
    return this.prepare(options)();
  }

  /**
   * The same in two steps: whatever can fail happens in the first.
   * @throws {ConfigError} `ERR_CONFIG_…` for files of TLS and passwords
   */
  prepare(options: GatewayOptions): () => Promise<void> {
    const identity = new IdentityPolicy(options.trustIdentity ?? []);
    const applyServer = this.#server.prepare(serverOptions(options));
    return () => {
      const before = this.#usage;
      this.#identity = identity;
      if (options.memory != null) this.#memory?.reconfigure(options.memory);
      this.#install(options);
      applyServer();
      this.#warn();
      return before.free();
    };
  }

  /** Paths of the services, in the order of the configuration. */
  get paths(): string[] {
    return [...this.#services.keys()];
  }

  find(path: string): IcapService | undefined {
    return this.#services.get(path);
  }

  /** Counts a finished transaction and logs it. */
  report(report: IcapReport): void {
    const verdict = verdictOf(report);
    this.#counters[verdict]++;
    if (this.#telemetry.meters != null) meter(this.#telemetry.meters, report, verdict);
    const { tracer } = this.#telemetry;
    const above = tracer?.beginIcap(report.transaction.icapHeaders) ?? null;
    const { isOwn = false, icapClient } = report.transaction;
    const isOurs = isOwn || icapClient === 'in-process';
    const telemetry = this.#telemetry;
    const isTold = telemetry.records && telemetry.leavesOut?.('gateway', verdict, isOurs) !== true;
    if (!isTold && above === null) return;
    const record = recordOf(report, verdict);
    if (isTold) telemetry.gateway(record, isOwn);
    if (above !== null) tracer!.export(gatewaySpans(above, record, performance.now()));
  }

  /** Services that are configured to scan and have no blade to do it with (G-07). */
  get idleServices(): string[] {
    return [...this.#services.values()].flatMap((it) =>
      it instanceof ScanService && it.blades.length === 0 ? [it.path] : [],
    );
  }

  /**
   * Reads certificates and keys of the icaps listeners once more; connections stay.
   * @throws {ConfigError} `ERR_CONFIG_…`; the former ones stay in force then
   */
  reloadTls(): void {
    this.#server.reloadTls();
    this.#warn();
  }

  /**
   * Listens on one more address; plain and without a PROXY header unless `security` says otherwise.
   * @throws {ConfigError} `ERR_LISTEN`, `ERR_CONFIG_…` for files of TLS and passwords
   */
  async listen(port: number, host: string, security?: ListenerSecurity): Promise<AddressInfo> {
    const address = await this.#server.listen(port, host, security);
    this.#warn();
    return address;
  }

  /** What the operator should know about the files of listeners and access. */
  get warnings(): readonly string[] {
    return this.#server.warnings;
  }

  /** Stops listening there; connections that came that way end after the request under way. */
  unlisten(address: AddressInfo): void {
    this.#server.unlisten(address);
  }

  /**
   * Makes ready to adopt connections: reads certificates and password files.
   * @throws {ConfigError} `ERR_CONFIG_…`
   */
  open(): void {
    this.#server.open();
    this.#warn();
  }

  /** Serves a connection that the supervisor has accepted on that listener of `gateway.listen`. */
  adopt(socket: Socket, overloaded: boolean, listener: number): void {
    this.#server.adopt(socket, overloaded, listener);
  }

  /** Lets go of up to so many busy connections, for other processes to take them. */
  shed(connections: number): void {
    this.#server.shed(connections);
  }

  /** What this gateway does now, for those that share its load. */
  get load(): Pick<WorkerState, 'connections' | 'busy' | 'services' | 'counters' | 'tags'> {
    const { connections, busy, busyByService } = this.#server;
    const tags = Object.fromEntries([...this.#services].map(([path, it]) => [path, it.describe().istag]));
    return { connections, busy, services: busyByService, counters: { ...this.#counters }, tags };
  }

  /** Messages that wait for background blades, or are judged by them now, and the bytes of their bodies. */
  get background(): { readonly waiting: number; readonly running: number; readonly bytes: number } {
    return this.#memory?.background.load ?? { waiting: 0, running: 0, bytes: 0 };
  }

  async close(graceMs: number): Promise<void> {
    await this.#server.close(graceMs); // messages under way may still be handed to background blades
    await this.#memory?.close(graceMs);
  }

  #install({ services, blades, pluginServices = [] }: GatewayOptions): void {
    this.#services = new Map();
    this.#blades = blades;
    this.#usage = new Usage();
    for (const service of services) this.#add(service, blades);
    for (const added of pluginServices) {
      const identify = (transaction: IcapTransaction): Identity => this.#identity.believed(transaction);
      const service = new PluginService({ ...added, usage: this.#usage, identify });
      this.#services.set(service.path, service);
    }
  }

  #add(options: GatewayServiceOptions, blades: readonly Blade[]): void {
    const path = `/${options.name}`;
    const common = { ...options, path };
    let service: IcapService;
    if (options.kind === 'echo') service = new EchoService(common);
    else if (options.kind === 'info')
      service = new InfoService(common, (audience) => this.#infoPage(audience));
    else {
      const identify = (transaction: IcapTransaction): Identity => this.#identity.believed(transaction);
      const profile = options.profile!;
      const memory = this.#memory;
      service = new ScanService({ ...common, profile, blades, usage: this.#usage, memory, identify });
      this.#profiles.set(service, options.profile!.name);
    }
    this.#services.set(path, service);
  }

  #infoPage(audience: PageAudience): Page | Promise<Page> {
    if (this.#pool === null) return this.#page(audience, null);
    return this.#pool.status().then((status) => this.#page(audience, status));
  }

  #page(audience: PageAudience, pool: PoolStatus | null): Page {
    const load = { connections: this.#server.connections, busy: this.#server.busy };
    return infoPage(
      {
        version: WEIR_VERSION,
        services: [...this.#services.values()].map((service) => ({
          path: service.path,
          methods: service.methods,
          profile: this.#profiles.get(service) ?? null,
          istag: service.describe().istag,
        })),
        blades: this.#blades.map((blade) => ({ name: blade.name, fingerprint: blade.fingerprint?.() ?? '' })),
        startedAt: this.#startedAt,
        counters: pool === null ? { ...this.#counters, ...load } : poolCounters(pool),
        processes: pool?.workers ?? [],
      },
      audience,
    );
  }

  #onRefused(peer: string, error: WeirError): void {
    this.#counters.error++;
    this.#telemetry.meters?.gatewayRefused(error.code);
    const leftOut = this.#floods.pass(`${error.code} ${networkOf(peer)}`);
    if (leftOut === null) return;
    this.#telemetry.event('warn', `ICAP request refused: ${error.message}`, {
      icapClient: peer,
      code: error.code,
      icapStatus: error.icapStatus,
      remedy: error.remedy,
      ...(leftOut === 0 ? {} : { leftOut }),
    });
  }

  #warn(): void {
    for (const warning of this.#server.warnings) {
      if (this.#warned.has(warning)) continue;
      this.#warned.add(warning);
      this.#telemetry.event('warn', warning, {});
    }
  }
}

/** Sums over all worker processes. */
function poolCounters(pool: PoolStatus): Record<string, number> {
  const { counters, connections, waiting, handlers, started, stopped, lost } = pool;
  const { busy, free, most } = handlers;
  return { ...counters, connections, waiting, busy, free, most, started, stopped, lost };
}

/** What the listener is told of the options. */
function serverOptions(options: GatewayOptions): ChangeableOptions {
  const { strict, via, limits, spool, allow, passwords = NO_PASSWORDS, listeners = [] } = options;
  const name = via === null ? null : `ICAP/1.0 ${via} (Weir ${WEIR_VERSION})`;
  return { strict, via: name, limits, spool, allow, passwords, listeners };
}

const NO_PASSWORDS: PasswordOptions = { file: null, services: {} };

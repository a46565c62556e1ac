// The gateway as a whole: its services by path, their reports as log records, and the ICAP listener in
// front of them. The co-located proxy uses the same services without the listener.

import type { AddressInfo } from 'node:net';
import type { WeirError } from '../errors.ts';
import type { SpoolOptions } from '../http/spool.ts';
import { IcapServer } from '../icap/server/server.ts';
import type { IcapServerLimits } from '../icap/server/context.ts';
import type { IcapReport, IcapService, IcapServiceHost, ModMethod } from '../icap/service.ts';
import { infoPage } from '../pages/index.ts';
import type { PageAudience } from '../pages/index.ts';
import type { Blade } from '../plugin/api.ts';
import type { GatewayRecord, Telemetry } from '../telemetry/records.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { WEIR_VERSION } from '../util/version.ts';
import { messageUrl } from './blade-message.ts';
import { readIdentity } from './identity.ts';
import type { InspectionProfile } from './inspection.ts';
import { ScanService } from './scan-service.ts';
import { EchoService, InfoService } from './simple-services.ts';

export interface GatewayServiceOptions {
  readonly name: string;
  readonly kind: 'scan' | 'echo' | 'info';
  /** For `scan`. */
  readonly profile: InspectionProfile | null;
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
  readonly strict: boolean;
  readonly allow: readonly string[];
  readonly limits: IcapServerLimits;
  readonly spool: SpoolOptions;
  readonly telemetry: Telemetry;
}

export class Gateway implements IcapServiceHost {
  readonly istag = `weir-${WEIR_VERSION.replace(/[^A-Za-z0-9.-]/g, '-').slice(0, 20)}`;
  readonly #services = new Map<string, IcapService>();
  readonly #profiles = new Map<IcapService, string>();
  readonly #blades: readonly Blade[];
  readonly #server: IcapServer;
  readonly #telemetry: Telemetry;
  readonly #startedAt = new Date();
  readonly #counters = { allowed: 0, modified: 0, blocked: 0, error: 0 };

  constructor(options: GatewayOptions) {
    this.#blades = options.blades;
    this.#telemetry = options.telemetry;
    for (const service of options.services) this.#add(service, options.blades);
    this.#server = new IcapServer({
      services: this,
      strict: options.strict,
      via: options.via === null ? null : `ICAP/1.0 ${options.via} (Weir ${WEIR_VERSION})`,
      limits: options.limits,
      spool: options.spool,
      allow: options.allow,
      onRefused: (peer, error) => this.#onRefused(peer, error),
    });
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
    if (this.#telemetry.records) this.#telemetry.gateway(this.#record(report, verdict));
  }

  /** Services that are configured to scan and have no blade to do it with (G-07). */
  get idleServices(): string[] {
    return [...this.#services.values()].flatMap((it) =>
      it instanceof ScanService && it.blades.length === 0 ? [it.path] : [],
    );
  }

  /** @throws {ConfigError} `ERR_LISTEN` */
  listen(port: number, host: string): Promise<AddressInfo> {
    return this.#server.listen(port, host);
  }

  close(graceMs: number): Promise<void> {
    return this.#server.close(graceMs);
  }

  #add(options: GatewayServiceOptions, blades: readonly Blade[]): void {
    const path = `/${options.name}`;
    const common = { ...options, path };
    let service: IcapService;
    if (options.kind === 'echo') service = new EchoService(common);
    else if (options.kind === 'info')
      service = new InfoService(common, (audience) => this.#infoPage(audience));
    else {
      service = new ScanService({ ...common, profile: options.profile!, blades });
      this.#profiles.set(service, options.profile!.name);
    }
    this.#services.set(path, service);
  }

  #infoPage(audience: PageAudience) {
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
        counters: { ...this.#counters, connections: this.#server.connections, busy: this.#server.busy },
      },
      audience,
    );
  }

  #record(report: IcapReport, verdict: GatewayRecord['verdict']): GatewayRecord {
    const { transaction, error } = report;
    const service = this.#services.get(report.service);
    const note = service instanceof ScanService ? service.noteOf(transaction) : undefined;
    const identity = readIdentity(transaction.icapHeaders);
    const { block = null } = note ?? {};
    return {
      id: note?.incident ?? newIncidentId(),
      icapClient: transaction.icapClient,
      service: report.service,
      method: transaction.method,
      icapStatus: report.icapStatus,
      clientIp: identity.clientIp,
      serverIp: identity.serverIp,
      user: identity.user,
      url: safeUrl(report),
      verdict,
      threat: block === null ? null : { name: block.threat, blade: block.blade, severity: block.severity },
      blades: note?.trace ?? [],
      bytes: note?.bytes ?? 0,
      ms: report.ms,
      ...(error === null ? {} : { error: { code: error.code, message: error.message } }),
    };
  }

  #onRefused(peer: string, error: WeirError): void {
    this.#counters.error++;
    this.#telemetry.event('warn', `ICAP request refused: ${error.message}`, {
      icapClient: peer,
      code: error.code,
      icapStatus: error.icapStatus,
    });
  }
}

function verdictOf({ outcome, error }: IcapReport): GatewayRecord['verdict'] {
  if (error !== null || outcome === null) return 'error';
  if (outcome.kind === 'unmodified') return 'allowed';
  return outcome.serverMade && outcome.headers !== undefined ? 'blocked' : 'modified';
}

/** A section that is no HTTP must not fail its own log record. */
function safeUrl(report: IcapReport): string {
  try {
    return messageUrl(report.transaction);
  } catch {
    return '';
  }
}

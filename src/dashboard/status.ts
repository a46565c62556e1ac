// What the dashboard knows of the ICAP services that rules use, and when the proxy as a whole is ready. As
// data: where it comes from is src/app, how it is served api.ts.

import type { ServiceState } from '../icap/client/health.ts';
import type { IcapServiceStatus } from '../icap/client/service-client.ts';

/** One ICAP service, as /api/services tells it. Moments are ISO 8601. */
export interface ServiceReport {
  readonly name: string;
  /** Without user and password. */
  readonly url: string;
  /** Served in the process of the proxy, without a connection. */
  readonly inProcess: boolean;
  readonly state: ServiceState;
  readonly since: string;
  /** Why it is not up, and what to do about it. */
  readonly cause: { readonly code: string; readonly message: string; readonly remedy: string } | null;
  readonly nextTry: string | null;
  /** Messages that failed in a row. */
  readonly failures: number;
  readonly onError: 'block' | 'bypass';
  /** What its OPTIONS said; null before it was asked. */
  readonly options: OptionsReport | null;
  readonly connections: IcapServiceStatus['connections'] | null;
}

export interface OptionsReport {
  readonly methods: readonly string[] | null;
  readonly istag: string;
  readonly preview: number | null;
  readonly allow204: boolean;
  readonly maxConnections: number | null;
}

/** What a rule uses: a service, or a group of them. */
export interface StepReport {
  readonly name: string;
  readonly services: readonly string[];
  /** Members that are asked last for now, because they do far worse than the others. */
  readonly outliers: readonly string[];
  /** A message would be served now, or pass in spite of it. */
  readonly ready: boolean;
}

export interface ServicesReport {
  readonly services: readonly ServiceReport[];
  readonly steps: readonly StepReport[];
}

/** Where reports come from. */
export interface StatusSource {
  /** As of now; services that were never asked for their OPTIONS are, for a moment at most. */
  report(): Promise<ServicesReport>;
}

/** A client's status as a report. */
export function serviceReport(status: IcapServiceStatus, onError: 'block' | 'bypass'): ServiceReport {
  const { name, url, state, cause, since, nextTryAt, failures, options, connections } = status;
  return {
    ...{ name, url, inProcess: false, state, cause, failures, onError, connections },
    since: new Date(since).toISOString(),
    nextTry: nextTryAt === null ? null : new Date(nextTryAt).toISOString(),
    options:
      options === null
        ? null
        : {
            methods: options.methods,
            istag: options.istag,
            preview: options.preview,
            allow204: options.allow204,
            maxConnections: options.maxConnections,
          },
  };
}

/** A service of our own gateway: up as long as this process is. */
export function inProcessReport(
  service: { readonly name: string; readonly url: string; readonly onError: 'block' | 'bypass' },
  startedAt: Date,
): ServiceReport {
  const { name, url, onError } = service;
  return {
    ...{ name, url, inProcess: true, state: 'up', cause: null, nextTry: null, failures: 0, onError },
    since: startedAt.toISOString(),
    options: null,
    connections: null,
  };
}

export interface Readiness {
  readonly ready: boolean;
  /** One for each service or group that cannot serve. Tells no addresses: it is served to everybody. */
  readonly reasons: readonly {
    readonly name: string;
    readonly state: string;
    readonly code: string | null;
  }[];
}

/** Ready: whatever a rule uses can serve, or may be bypassed. */
export function readinessOf({ services, steps }: ServicesReport): Readiness {
  const reasons = steps
    .filter(({ ready }) => !ready)
    .flatMap((step) => step.services)
    .flatMap((name) => services.filter((service) => service.name === name && service.state !== 'up'))
    .map(({ name, state, cause }) => ({ name, state, code: cause?.code ?? null }));
  return { ready: steps.every(({ ready }) => ready), reasons };
}

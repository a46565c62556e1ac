// The dashboard of a running proxy: its token, and what it shows of the services that the rules in force
// use. A reload changes what is shown; another address or token needs a restart.

import { newToken, readTokenFile, tokenFileIn, writeTokenFile } from '../dashboard/access.ts';
import { DashboardServer } from '../dashboard/server.ts';
import { inProcessReport, serviceReport } from '../dashboard/status.ts';
import type { ServiceReport, ServicesReport, StepReport } from '../dashboard/status.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { messageOf } from '../errors.ts';
import type { AdaptationService } from '../icap/client/adaptation.ts';
import { IcapServiceClient } from '../icap/client/service-client.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { formatAuthority } from '../util/authority.ts';
import type { Metrics } from './metrics-part.ts';
import { metricsRoute } from './metrics-part.ts';
import type { AdaptationPart } from './proxy-parts.ts';
import type { SetupSite } from './setup-part.ts';

/** How long a report waits for the OPTIONS of services that nobody has asked yet. */
const FIRST_ANSWER_MS = 1500;

export interface Dashboard {
  /** `host:port`, with the port that it really has. */
  readonly address: string;
  readonly port: number;
  readonly token: string;
  /** True for a token that was not configured. */
  readonly tokenIsOurs: boolean;
  /** File that the token can be read from; null: configured, or the file could not be written. */
  readonly tokenFile: string | null;
  close(): Promise<void>;
}

/** What is in force. */
export interface InForce {
  readonly config: ResolvedConfig;
  readonly adaptation: AdaptationPart;
}

/**
 * Opens the dashboard.
 * @returns null where the configuration wants none
 * @throws {ConfigError} `ERR_LISTEN`
 */
export async function openDashboard(
  config: ResolvedConfig,
  telemetry: Telemetry,
  inForce: () => InForce,
  metrics: Metrics | null = null,
  site: SetupSite | null = null,
): Promise<Dashboard | null> {
  const { listen, token: configured } = config.dashboard;
  if (listen === null) return null;
  const file = tokenFileIn(config.proxy.certs);
  const token = configured ?? readTokenFile(file) ?? newToken();
  const startedAt = new Date();
  const server = new DashboardServer({
    ...listen,
    token,
    source: { report: () => report(inForce(), startedAt) },
    metrics: metrics === null ? null : metricsRoute(config, metrics, token),
    site: site === null ? null : (request, seenAs) => site.reply(request, seenAs),
  });
  const { port } = await server.listen();
  return {
    address: formatAuthority(listen.host, port),
    port,
    token,
    tokenIsOurs: configured === null,
    tokenFile: configured === null && keepToken(file, token, telemetry) ? file : null,
    close: () => server.close(),
  };
}

/** The same token at every start, as long as the file is there: other instances may share it. */
function keepToken(file: string, token: string, telemetry: Telemetry): boolean {
  if (readTokenFile(file) === token) return true;
  try {
    writeTokenFile(file, token);
    return true;
  } catch (error) {
    const text = `the dashboard's token could not be kept in ${file}: ${messageOf(error)}`;
    telemetry.event('warn', text, { file });
    return false;
  }
}

async function report({ config, adaptation }: InForce, startedAt: Date): Promise<ServicesReport> {
  const { services, steps } = adaptation;
  await askedFirst(services);
  const shown = services.map((service): ServiceReport => {
    const { url, onError } = config.adaptation.services[service.name]!;
    if (service instanceof IcapServiceClient) return serviceReport(service.status(), onError);
    return inProcessReport({ name: service.name, url: url.href, onError }, startedAt);
  });
  const used = new Set(config.adaptation.rules.flatMap(({ use }) => use));
  const usedSteps = [...steps].flatMap(([name, step]): StepReport[] => {
    if (!used.has(name)) return [];
    const { members, outliers, bypassable } = step;
    // One that has not even told its OPTIONS yet may turn out to be silent.
    const serves = members.some(({ service }) => service.available && !isUnasked(service));
    return [
      { name, services: members.map(({ service }) => service.name), outliers, ready: serves || bypassable },
    ];
  });
  return { services: shown, steps: usedSteps };
}

/** A service that never had a message has no state yet: it is asked, so that the first look says something. */
async function askedFirst(services: readonly AdaptationService[]): Promise<void> {
  const unknown = services.filter(isUnasked);
  if (unknown.length === 0) return;
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise((resolve) => (timer = setTimeout(resolve, FIRST_ANSWER_MS)));
  const asked = unknown.map((service) => service.describe().catch(() => {}));
  await Promise.race([Promise.all(asked), overdue]);
  clearTimeout(timer);
}

function isUnasked(service: AdaptationService): service is IcapServiceClient {
  if (!(service instanceof IcapServiceClient)) return false;
  const { state, options, cause } = service.status();
  return state === 'probing' && options === null && cause === null;
}

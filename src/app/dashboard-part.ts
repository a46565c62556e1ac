// The dashboard of a running Weir: its token, and where it gets what it shows. A reload changes what is shown;
// another address or token needs a restart.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { newToken, readTokenFile, tokenFileIn, writeTokenFile } from '../dashboard/access.ts';
import type {
  AboutWeir,
  CaptureSource,
  DashboardSources,
  ReplaySource,
  TraceSource,
} from '../dashboard/api/sources.ts';
import type { Activity } from '../dashboard/live/activity.ts';
import { DashboardServer } from '../dashboard/server.ts';
import { packagePlace } from '../config/package-root.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { messageOf } from '../errors.ts';
import { NO_METERS } from '../metrics/meters.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { lastTraces } from '../trace/reader.ts';
import type { TraceStore } from '../trace/store.ts';
import { formatAuthority } from '../util/authority.ts';
import { doctorSource } from './dashboard/doctor-source.ts';
import type { PolicyFile } from './dashboard/policy-source.ts';
import { policySource } from './dashboard/policy-source.ts';
import { quarantineSource } from './dashboard/quarantine-source.ts';
import { reportsSource } from './dashboard/reports-source.ts';
import { optionsReceived, report } from './dashboard/services-source.ts';
import { learnedSource, pluginSource, trustReply } from './dashboard/surroundings-source.ts';
import type { Metrics } from './metrics-part.ts';
import { metricsRoute } from './metrics-part.ts';
import type { Halves, Running } from './running.ts';
import { idleWarnings } from './running.ts';

export type { PolicyFile } from './dashboard/policy-source.ts';

export interface Dashboard {
  /** `host:port`, with the port that it really has. */
  readonly address: string;
  readonly port: number;
  readonly token: string;
  /** True for a token that was not configured. */
  readonly tokenIsOurs: boolean;
  /** File that the token can be read from; null: configured, or the file could not be written. */
  readonly tokenFile: string | null;
  /** Tells where the configuration comes from: it can be changed on the dashboard from then on. */
  attachPolicy(file: PolicyFile): void;
  /** Tells who keeps heads and bodies of transactions; null: nobody any more. */
  attachCaptures(captures: CaptureSource | null, replays?: ReplaySource | null): void;
  close(): Promise<void>;
}

export interface DashboardParts {
  readonly running: Running;
  readonly activity: Activity;
  readonly metrics: Metrics | null;
  readonly traces: TraceStore | null;
  /** Addresses as they are printed. */
  addresses(): AboutWeir['addresses'];
}

/**
 * Whether there is to be one. A gateway alone has one only where `dashboard.listen` is not the default: it
 * may run beside a proxy that has that address.
 */
export function wantsDashboard({ dashboard: { listen } }: ResolvedConfig, { proxy }: Halves): boolean {
  if (listen === null || proxy) return listen !== null;
  return listen.host !== DEFAULT_HOST || listen.port !== DEFAULT_PORT;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 8090;

/**
 * Opens the dashboard.
 * @returns null where the configuration wants none
 * @throws {ConfigError} `ERR_LISTEN`
 */
export async function openDashboard(parts: DashboardParts): Promise<Dashboard | null> {
  const { running, activity, metrics } = parts;
  const { config, log, proxy } = running;
  const { listen, token: configured } = config.dashboard;
  if (listen === null) return null;
  const file = tokenFileIn(config.proxy.certs);
  const token = configured ?? readTokenFile(file) ?? newToken();
  const given: Given = { policy: null, captures: null, replays: null };
  const server = new DashboardServer({
    ...listen,
    token,
    console: { sources: sourcesOf(parts, given), activity, ...FOLDERS },
    metrics: metrics === null ? null : metricsRoute(config, metrics, token),
    site: proxy === null ? null : (request, seenAs) => proxy.site.reply(request, seenAs),
  });
  const { port } = await server.listen();
  return {
    address: formatAuthority(listen.host, port),
    port,
    token,
    tokenIsOurs: configured === null,
    tokenFile: configured === null && keepToken(file, token, log) ? file : null,
    attachPolicy: (policy) => void (given.policy = policy),
    attachCaptures: (captures, replays = null) => void Object.assign(given, { captures, replays }),
    close: () => server.close(),
  };
}

const { root } = packagePlace();
const FOLDERS = { pages: path.join(root, 'dist', 'web'), openApi: path.join(root, 'docs', 'openapi.json') };

/** What others bring later. */
interface Given {
  policy: PolicyFile | null;
  captures: CaptureSource | null;
  replays: ReplaySource | null;
}

function sourcesOf(parts: DashboardParts, given: Given): DashboardSources {
  const { running, traces, addresses } = parts;
  const { proxy } = running;
  const startedAt = new Date();
  return {
    services: {
      report: async () => {
        if (proxy === null) return { services: [], steps: [] };
        return report({ config: running.config, adaptation: proxy.parts.adaptation }, startedAt);
      },
    },
    optionsReceived: (name) =>
      proxy === null
        ? null
        : optionsReceived({ config: running.config, adaptation: proxy.parts.adaptation }, name),
    about: () => ({
      startedAt: startedAt.toISOString(),
      addresses: addresses(),
      inspection: proxy !== null && isInspecting(running.config),
      warnings: idleWarnings(running),
      features: {
        policyWritable: (given.policy?.file ?? null) !== null,
        gateway: running.halves.gateway,
        proxy: proxy !== null,
      },
    }),
    meters: () => running.log.meters?.snapshot() ?? NO_METERS,
    traces: traces === null ? null : traceSource(traces, running.config),
    get captures() {
      return given.captures;
    },
    get replays() {
      return given.replays;
    },
    incidents: running.log.incidents,
    quarantine: quarantineSource(running),
    reports: reportsSource(running),
    policy: policySource(running, () => given.policy),
    learned: learnedSource(running),
    plugins: pluginSource(running),
    doctor: doctorSource(running),
    trust: (seenAs) => trustReply(running, seenAs),
  };
}

/** False where every tunnel passes unread. */
function isInspecting({ proxy }: ResolvedConfig): boolean {
  const [first] = proxy.tls.rules;
  if (first === undefined || first.action === 'bump') return true;
  const { action: _, ...conditions } = first;
  const isForAll = Object.entries(conditions).every(
    ([key, value]) => value === undefined || (key === 'hosts' && (value as string[]).includes('*')),
  );
  return !isForAll;
}

/** The store knows where the last ones lie; the folder has the others. */
function traceSource(store: TraceStore, { trace }: ResolvedConfig): TraceSource {
  return {
    find: (id) => store.find(id),
    last: async (count) => {
      await store.flush();
      return (await lastTraces(trace.folder, count)).traces;
    },
  };
}

/** The same token at every start, as long as the file is there: other instances may share it. */
function keepToken(file: string, token: string, telemetry: Telemetry): boolean {
  if (readTokenFile(file) === token) return true;
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 }); // a gateway alone has no CA there
    writeTokenFile(file, token);
    return true;
  } catch (error) {
    const text = `the dashboard's token could not be kept in ${file}: ${messageOf(error)}`;
    telemetry.event('warn', text, { file });
    return false;
  }
}

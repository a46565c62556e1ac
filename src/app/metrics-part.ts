// The figures of a running Weir as Prometheus wants them: what was counted, here and in the gateway's workers,
// and what can be read of everything that is in force. Read at a scrape; nothing is kept in step meanwhile.

import type { ResolvedConfig } from '../config/types.ts';
import type { MetricsRoute } from '../dashboard/metrics.ts';
import { DashboardServer } from '../dashboard/server.ts';
import { spoolUsage } from '../http/spool.ts';
import type { ServiceState } from '../icap/client/health.ts';
import { IcapServiceClient } from '../icap/client/service-client.ts';
import { MetricSheet } from '../metrics/exposition.ts';
import { Meters } from '../metrics/meters.ts';
import { EventLoopLag, putLag, putProcess } from '../metrics/process-figures.ts';
import { formatAuthority } from '../util/authority.ts';
import type { AdaptationPart } from './proxy-parts.ts';
import type { ProxyHalf, Running } from './running.ts';

const STATES: readonly ServiceState[] = ['probing', 'up', 'suspended', 'down'];

export class Metrics {
  readonly #meters: Meters;
  readonly #running: Running;
  readonly #dropped: () => number;
  readonly #lag = new EventLoopLag();
  #scraping: Promise<string> | null = null;
  #server: DashboardServer | null = null;
  #address: string | null = null;
  #port: number | null = null;

  /** @param dropped  traces that were left out so far */
  constructor(meters: Meters, running: Running, dropped: () => number) {
    this.#meters = meters;
    this.#running = running;
    this.#dropped = dropped;
  }

  /** The figures of now in the Prometheus text format 0.0.4. Who asks meanwhile gets the same. */
  text(): Promise<string> {
    this.#scraping ??= this.#scrape().finally(() => (this.#scraping = null));
    return this.#scraping;
  }

  /** `host:port` of `metrics.listen`, with the port that it really has; null where there is none. */
  get address(): string | null {
    return this.#address;
  }

  /** Its port alone. */
  get port(): number | null {
    return this.#port;
  }

  /**
   * Opens the listener of `metrics.listen`, if there is one.
   * @param token  the dashboard's, where there is a dashboard
   * @throws {ConfigError} `ERR_LISTEN`
   */
  async listen(config: ResolvedConfig, token: string | null): Promise<void> {
    const { listen } = config.metrics;
    if (listen === null) return;
    const metrics = metricsRoute(config, this, token);
    const server = new DashboardServer({ ...listen, token: '', console: null, metrics });
    this.#port = (await server.listen()).port;
    this.#address = formatAuthority(listen.host, this.#port);
    this.#server = server;
  }

  async close(): Promise<void> {
    this.#lag.close();
    await this.#server?.close();
  }

  async #scrape(): Promise<string> {
    const { proxy, own, workers, halves, log } = this.#running;
    const sheet = new MetricSheet();
    const all = new Meters();
    all.merge(this.#meters.snapshot());
    const spool = spoolUsage();
    let { bytes, files } = spool;
    if (workers !== null) {
      const { meters, figures } = await workers.metrics();
      all.merge(meters);
      bytes += figures.spoolBytes;
      files += figures.spoolFiles;
      putLag(sheet, 'worker', figures.lag);
      sheet.put('weir_gateway_workers_cpu_seconds_total', figures.cpuSeconds);
      putWorkers(sheet, workers.status());
    } else if (halves.gateway) {
      const { connections, busy } = own!.gateway.load;
      sheet.put('weir_gateway_connections', connections);
      sheet.put('weir_gateway_running', busy);
    }
    sheet.putAll(all.snapshot());
    if (proxy !== null) putProxy(sheet, proxy);
    sheet.put('weir_spool_bytes', bytes);
    sheet.put('weir_spool_files', files);
    if (proxy !== null) sheet.put('weir_traces_dropped_total', this.#dropped());
    sheet.put('weir_log_lines_dropped_total', log.dropped ?? 0);
    await putProcess(sheet, this.#lag);
    return sheet.text();
  }
}

/** /metrics for a listener. @param token  the dashboard's, where there is one */
export function metricsRoute(
  { metrics: { token: own } }: ResolvedConfig,
  metrics: Metrics,
  token: string | null,
): MetricsRoute {
  const tokens = [own, token].filter((each) => each !== null);
  return { tokens, always: own !== null, text: () => metrics.text() };
}

function putProxy(sheet: MetricSheet, { server, ca, parts }: ProxyHalf): void {
  sheet.put('weir_connections', server.connections);
  sheet.put('weir_connections_limit', server.connectionLimit);
  for (const [action, count] of Object.entries(server.tunnels)) sheet.put('weir_tunnels', count, action);
  const { hits, misses } = ca.contexts.uses;
  sheet.put('weir_leaf_cache_hits_total', hits);
  sheet.put('weir_leaf_cache_misses_total', misses);
  sheet.put('weir_leaf_cache_size', ca.contexts.size);
  sheet.put('weir_ca_expiry_timestamp_seconds', ca.authority.notAfter.getTime() / 1000);
  putServices(sheet, parts.adaptation);
  const { origins } = server;
  if (origins === null) return;
  sheet.put('weir_origins', origins.origins);
  sheet.put('weir_origin_connections', origins.open - origins.idle, 'in_use');
  sheet.put('weir_origin_connections', origins.idle, 'idle');
  sheet.put('weir_origin_waiting', origins.waiting);
  for (const [connection, count] of Object.entries(origins.requests)) {
    sheet.put('weir_origin_requests_total', count, connection);
  }
}

function putServices(sheet: MetricSheet, { services, steps }: AdaptationPart): void {
  for (const service of services) {
    const { name } = service;
    const status = service instanceof IcapServiceClient ? service.status() : null;
    const now = status?.state ?? 'up'; // one in this process is up as long as that is
    for (const state of STATES) sheet.put('weir_service_state', state === now ? 1 : 0, name, state);
    if (status === null) continue;
    const { failures, connections } = status;
    sheet.put('weir_service_failures', failures, name);
    sheet.put('weir_service_connections', connections.open - connections.idle, name, 'in_use');
    sheet.put('weir_service_connections', connections.idle, name, 'idle');
    sheet.put('weir_service_connections_limit', connections.max, name);
    sheet.put('weir_service_waiting', connections.waiting, name);
  }
  for (const [group, { members, outliers }] of steps) {
    if (members.length < 2) continue;
    for (const { service } of members) {
      sheet.put('weir_service_outlier', outliers.includes(service.name) ? 1 : 0, group, service.name);
    }
  }
}

type PoolStatus = ReturnType<NonNullable<Running['workers']>['status']>;

function putWorkers(sheet: MetricSheet, status: PoolStatus): void {
  const { workers, handlers, connections, waiting, started, stopped, lost } = status;
  for (const phase of ['starting', 'serving', 'draining'] as const) {
    sheet.put('weir_gateway_workers', workers.filter((worker) => worker.phase === phase).length, phase);
  }
  sheet.put('weir_gateway_connections', connections);
  sheet.put('weir_gateway_running', handlers.busy);
  sheet.put('weir_gateway_handlers_limit', handlers.most);
  sheet.put('weir_gateway_waiting', waiting);
  sheet.put('weir_gateway_workers_started_total', started);
  sheet.put('weir_gateway_workers_ended_total', stopped, 'stopped');
  sheet.put('weir_gateway_workers_ended_total', lost, 'lost');
  sheet.put(
    'weir_gateway_workers_memory_bytes',
    workers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  );
}

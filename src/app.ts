// Puts the halves together from a resolved configuration: CA, plugins, gateway, adaptation, proxy.
// Everything below takes plain options; only this file and gateway/from-config.ts know the configuration's shape.

import { addressesOf } from './app/addresses.ts';
import { loadCa, RotationTimer } from './app/ca-part.ts';
import { makeAccessPart } from './app/access-part.ts';
import { BladeSet } from './app/blade-set.ts';
import { openDashboard, wantsDashboard } from './app/dashboard-part.ts';
import type { Dashboard } from './app/dashboard-part.ts';
import { entranceOptions } from './app/entrance-options.ts';
import { listenerTlsSource } from './app/listener-tls.ts';
import { captureMemoryOf, captureSource } from './app/dashboard/capture-source.ts';
import { replaySource } from './app/dashboard/replay-source.ts';
import { Listeners } from './app/listeners.ts';
import { Metrics } from './app/metrics-part.ts';
import { makeProxyParts } from './app/proxy-parts.ts';
import { makeTlsPart } from './app/tls-part.ts';
import { Outlets } from './app/outlets.ts';
import { tapped } from './app/record-tap.ts';
import type { RecordHooks } from './app/record-tap.ts';
import { reload } from './app/reload.ts';
import type { ReloadResult } from './app/reload.ts';
import { ReverseProxy } from './app/reverse.ts';
import { SetupSite } from './app/setup-part.ts';
import { gatewayPorts, idleWarnings, poolOf, serviceStates } from './app/running.ts';
import type { Halves, OwnGateway, ProxyHalf, Running } from './app/running.ts';
import { watchedFiles } from './app/watched-files.ts';
import type { CaptureSink } from './capture/capture.ts';
import type { GatewayListener, ProxyListener, ResolvedConfig } from './config/types.ts';
import { Activity } from './dashboard/live/activity.ts';
import { messageOf } from './errors.ts';
import { listenerSecurity, makeGateway } from './gateway/from-config.ts';
import { poolRule } from './gateway/workers/pool-rule.ts';
import { GatewaySupervisor } from './gateway/workers/supervisor.ts';
import { Meters } from './metrics/meters.ts';
import { ProxyServer } from './proxy/proxy-server.ts';
import { openLog } from './telemetry/log.ts';
import { tracerOf } from './telemetry/otlp/tracer.ts';
import { TraceStore } from './trace/store.ts';
import type { IncidentHub } from './telemetry/incidents.ts';
import type { Log } from './telemetry/log.ts';

export type { Halves } from './app/running.ts';
export type { ReloadResult } from './app/reload.ts';

export interface RunningWeir {
  /** `host:port` of each listener; `https://`, `socks5://` or `transparent://` in front where only that is spoken. */
  readonly proxyAddresses: readonly string[];
  /** The same of proxy.reverse; `https://host:port` where TLS is spoken. */
  readonly reverseAddresses: readonly string[];
  /** The same; `icaps://host:port` where TLS is spoken. */
  readonly gatewayAddresses: readonly string[];
  /** Null where no proxy runs. */
  readonly ca: { readonly path: string; readonly created: boolean } | null;
  /** Paths of the gateway's services. */
  readonly services: readonly string[];
  readonly warnings: readonly string[];
  /** The gateway's worker processes; null where it runs in this one. */
  readonly gatewayWorkers: GatewaySupervisor | null;
  /** Null where there is none: without a proxy, or by the configuration. */
  readonly dashboard: Dashboard | null;
  /** What is kept for `weir why`; null where nothing is. */
  readonly traces: TraceStore | null;
  /** What /metrics serves; null where nothing is counted. */
  readonly metrics?: Pick<Metrics, 'text' | 'address' | 'port'> | null;
  /** Gives copies of the transactions that begin from now on to `sink`; null: no more are made. */
  capture(sink: CaptureSink | null): void;
  /** The ICAP services of the proxy as of now: `up`, `probing`, …; absent where it is not known. */
  serviceStates?(): { readonly name: string; readonly state: string }[];
  /** Blocks and background verdicts of all processes: the last ones, and whoever attaches hears of the next. */
  readonly incidents: IncidentHub;
  /** Writes out what the log has gathered; it does so by itself four times a second. */
  flushLog?(): void;
  stop(graceMs: number): Promise<void>;
  /** What is in force now. */
  readonly config: ResolvedConfig;
  /** Files and folders whose change is a reason to reload, as of now; absolute. */
  readonly watched: readonly string[];
  /** Writes a line to the log. */
  event(level: 'info' | 'warn' | 'error', message: string, fields: object): void;
  /**
   * Takes over a configuration while running: all of it is loaded and checked first, then it is in force
   * for whatever begins from then on. Calls are worked off one after the other.
   * @throws {WeirError} as startWeir: nothing has changed then
   */
  reload(config: ResolvedConfig): Promise<ReloadResult>;
  /**
   * Sets one plugin up anew, as the configuration in force has it, beside the one that serves, which finishes
   * what it has begun; the others stay as they are.
   * @throws {PluginError} `ERR_PLUGIN_…`: no such plugin, or it cannot be set up: nothing has changed then
   */
  reloadPlugin(name: string): Promise<ReloadResult>;
}

/**
 * Starts the halves.
 * @throws {WeirError} `ERR_LISTEN`, `ERR_CA_…`, `ERR_PLUGIN_…`, `ERR_CONFIG_…`; nothing is left running then
 */
export async function startWeir(
  config: ResolvedConfig,
  halves: Halves,
  hooks: RecordHooks = {},
): Promise<RunningWeir> {
  const meters = config.metrics.enabled ? new Meters() : null;
  const tracer = tracerOf(config.tracing, (...event) => log.event(...event));
  const activity = wantsDashboard(config, halves) ? new Activity() : null;
  const outlets = new Outlets(config, (...event) => log.event(...event));
  const log = tapped(tapped(openLog({ ...config.log, meters, tracer }), hooks, activity), {}, outlets);
  log.incidents.attach(outlets);
  const started: (() => void | Promise<void>)[] = [
    () => log.close(),
    () => outlets.close(),
    () => tracer?.close(),
  ];
  try {
    const weir = await start(config, halves, { log, outlets, activity }, started);
    if (hooks.captures != null) weir.capture(hooks.captures);
    else captureForDashboard(config, weir, started);
    return weir;
  } catch (error) {
    for (const stop of started.reverse()) await stop();
    throw error;
  }
}

/** Keeps transactions for the dashboard, where the configuration wants that. */
function captureForDashboard(
  config: ResolvedConfig,
  weir: RunningWeir,
  started: (() => void | Promise<void>)[],
): void {
  const memory = weir.dashboard === null ? null : captureMemoryOf(config);
  if (memory === null) return;
  started.push(() => memory.clear());
  weir.capture(memory);
  const shown = captureSource(memory, config.capture.secrets);
  weir.dashboard!.attachCaptures(
    shown,
    replaySource(memory, () => weir.config),
  );
}

/** Who hears of what happens. */
interface Telling {
  readonly log: Log;
  readonly outlets: Outlets;
  readonly activity: Activity | null;
}

async function start(
  config: ResolvedConfig,
  halves: Halves,
  { log, outlets, activity }: Telling,
  started: (() => void | Promise<void>)[],
): Promise<RunningWeir> {
  const rule = halves.gateway ? poolRule(config.gateway.workers, !halves.proxy) : null;
  const workers = rule === null ? null : await GatewaySupervisor.start({ config, rule, log });
  started.push(() => workers?.stop(0));
  const own = workers === null || halves.proxy ? await startGateway(config, workers, log, started) : null;
  if (own !== null && workers === null && halves.gateway) {
    await own.listeners.start(config.gateway.listen);
  }
  const traces =
    halves.proxy && config.trace.enabled ? new TraceStore({ ...config.trace, telemetry: log }) : null;
  started.push(() => traces?.close());
  const proxy = halves.proxy ? await startProxy(config, own!, halves, log, traces, started) : null;
  const running: Running = {
    ...{ halves, log, outlets, own, workers, proxy, config, configAtStart: config },
    stopping: false,
  };
  for (const port of gatewayPorts(running)) proxy?.server.protectPort(port);
  const metrics = log.meters == null ? null : new Metrics(log.meters, running, () => traces?.dropped ?? 0);
  started.push(() => metrics?.close());
  const addresses = () => addressesOf(running);
  const dashboard =
    activity === null ? null : await openDashboard({ running, activity, metrics, traces, addresses });
  started.push(() => dashboard?.close());
  if (dashboard !== null) proxy?.server.protectPort(dashboard.port);
  await metrics?.listen(config, dashboard?.token ?? null);
  if (metrics !== null && metrics.port !== null) proxy?.server.protectPort(metrics.port);
  const warnings = idleWarnings(running);
  for (const warning of warnings) log.event('warn', warning, {});
  warnings.push(...(own?.gateway.warnings ?? [])); // it has logged them itself
  let reloading: Promise<unknown> = Promise.resolve();
  const reloadTo = (next: ResolvedConfig | null, only: string | null = null): Promise<ReloadResult> => {
    const turn = reloading.then(() => reload(running, next ?? running.config, only));
    reloading = turn.catch(() => {}).then(() => caRotation.set(proxy?.ca.nextActiveFrom ?? null));
    return turn;
  };
  running.reloadPlugin = (name) => reloadTo(null, name);
  const caRotation = new RotationTimer(() => {
    reloadTo(null).catch((error: unknown) => {
      log.event('error', `the change of CA failed: ${messageOf(error)}`, {});
    });
  });
  caRotation.set(proxy?.ca.nextActiveFrom ?? null);
  return {
    get proxyAddresses() {
      return addresses().proxy;
    },
    get reverseAddresses() {
      return addresses().reverse;
    },
    get gatewayAddresses() {
      return addresses().gateway;
    },
    get ca() {
      return proxy === null ? null : { path: proxy.ca.authority.certificatePath, created: proxy.ca.created };
    },
    get services() {
      return addresses().services;
    },
    get config() {
      return running.config;
    },
    get watched() {
      return watchedFiles(running);
    },
    warnings,
    gatewayWorkers: workers,
    dashboard,
    traces,
    metrics,
    capture: (sink) => {
      if (proxy !== null) proxy.server.captures = sink;
    },
    serviceStates: () => serviceStates(running),
    incidents: log.incidents,
    flushLog: () => log.flush(),
    event: (level, message, fields) => log.event(level, message, fields),
    reload: (next) => reloadTo(next),
    reloadPlugin: running.reloadPlugin,
    stop: async (graceMs) => {
      running.stopping = true;
      await dashboard?.close();
      await metrics?.close();
      // The proxy first: it may still need the gateway for what is under way.
      await Promise.all([proxy?.server.close(graceMs), proxy?.reverse.close(graceMs)]);
      await Promise.all([workers?.stop(graceMs), halves.gateway ? own?.gateway.close(graceMs) : null]);
      proxy?.access.close();
      proxy?.parts.tls.selfHealing.close();
      for (const service of proxy?.parts.adaptation.services ?? []) await service.close();
      await reloading; // it undoes what it had prepared
      caRotation.set(null);
      await proxy?.ca.contexts.close();
      for (const set of own?.bladeSets ?? []) await set.close();
      await traces?.close();
      await outlets.close();
      await log.tracer?.close();
      log.close();
    },
  };
}

/** The gateway of this process; it does not listen yet. */
async function startGateway(
  config: ResolvedConfig,
  workers: GatewaySupervisor | null,
  log: Log,
  started: (() => void | Promise<void>)[],
): Promise<OwnGateway> {
  const blades = await BladeSet.load(config, log);
  started.push(() => blades.close());
  const gateway = makeGateway(config, blades.blades, log, poolOf(workers), blades.services);
  started.push(() => gateway.close(0));
  const listeners = new Listeners<GatewayListener>({
    listen: (listener) => gateway.listen(listener.port, listener.host, listenerSecurity(listener)),
    unlisten: (address) => gateway.unlisten(address),
  });
  return { gateway, listeners, blades, bladeSets: new Set([blades]) };
}

async function startProxy(
  config: ResolvedConfig,
  { gateway, blades }: OwnGateway,
  halves: Halves,
  log: Log,
  traces: TraceStore | null,
  started: (() => void | Promise<void>)[],
): Promise<ProxyHalf> {
  const ca = await loadCa(config.proxy, null, (message) => log.event('warn', message, {}));
  const tls = await makeTlsPart(config.proxy, null, log);
  const parts = makeProxyParts(config, ca.contexts, gateway, halves, log, null, tls, blades.hooks);
  const access = makeAccessPart(config.proxy, null, log, blades.authenticators);
  started.push(() => access.close());
  const tlsSource = listenerTlsSource(ca.authority);
  let half: ProxyHalf | null = null;
  const site: SetupSite = new SetupSite(() => ({
    authority: (half?.ca ?? ca).authority,
    listeners: listeners.opened,
    direct: (half?.parts ?? parts).pacDirect,
  }));
  const server = new ProxyServer({
    ...parts.options,
    access: access.options,
    tlsSource,
    site: site.serve,
    telemetry: log,
    traces,
  });
  started.push(() => server.close(0));
  const listeners: Listeners<ProxyListener> = new Listeners<ProxyListener>({
    listen: (listener) => server.listen(entranceOptions(listener)),
    unlisten: (address) => server.unlisten(address),
  });
  await listeners.start(config.proxy.listen);
  const reverse = new ReverseProxy(server, log, config, parts);
  started.push(() => reverse.close(0));
  await reverse.listeners.start(config.proxy.reverse);
  half = { server, listeners, reverse, site, ca, access, parts };
  return half;
}

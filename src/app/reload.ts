// A changed configuration while everything runs. Whatever can be wrong with it is found out first; then it
// is put in force in one go, for what begins from then on. What is under way finishes as it began, and what
// served it is closed when it has. Who may ask for it, and when, is the command line's.

import { changedKeys } from '../config/changes.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { ConfigError, PluginError, printable } from '../errors.ts';
import { gatewayOptions } from '../gateway/from-config.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { poolRule } from '../gateway/workers/pool-rule.ts';
import type { LoadedPlugin, PluginEntry } from '../plugin/loader.ts';
import { makeAccessPart } from './access-part.ts';
import { BladeSet } from './blade-set.ts';
import { loadCa } from './ca-part.ts';
import { listenerTlsSource } from './listener-tls.ts';
import type { ListenerChange } from './listeners.ts';
import { makeProxyParts } from './proxy-parts.ts';
import { makeTlsPart } from './tls-part.ts';
import type { OwnGateway, ProxyHalf, Running } from './running.ts';
import { gatewayPorts, idleWarnings, poolOf } from './running.ts';

export interface ReloadResult {
  /** What is in force now: keys of the configuration, and what changed in files that it names. */
  readonly applied: readonly string[];
  /** What will be in force after a restart only; a sentence each. */
  readonly needsRestart: readonly string[];
  /** As at a start: what is allowed but probably not meant. */
  readonly warnings: readonly string[];
}

/** Sections that this module puts in force; a change in any other needs a restart. */
const APPLIED = [
  'proxy',
  'adaptation',
  'gateway',
  'profiles',
  'usercheck',
  'plugins',
  'log',
  'webhooks',
  'reload',
  'shutdown',
];

type Undo = (() => void | Promise<void>)[];

/**
 * Puts a configuration in force.
 * @param only  the one plugin that is set up anew, by name; null: all are
 * @throws {WeirError} `ERR_CONFIG_…`, `ERR_CA_…`, `ERR_PLUGIN_…`, `ERR_LISTEN`: nothing has changed then
 */
export async function reload(
  running: Running,
  config: ResolvedConfig,
  only: string | null = null,
): Promise<ReloadResult> {
  const undo: Undo = [];
  try {
    const apply = await prepare(running, config, only, undo);
    return await apply();
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

/** Loads and checks everything; what it returns cannot fail. */
async function prepare(
  running: Running,
  config: ResolvedConfig,
  only: string | null,
  undo: Undo,
): Promise<() => Promise<ReloadResult>> {
  const { log, own, workers, proxy } = running;
  const before = running.config;
  const nextLog = log.prepare(config.log);
  undo.push(() => nextLog.discard());
  const nextOutlets = running.outlets.prepare(config);
  undo.push(() => nextOutlets.discard());
  const nextGateway = own === null ? null : await prepareGateway(running, own, config, only, undo);
  const brings = nextGateway?.brings ?? { hooks: [], authenticators: [] };
  const nextProxy = proxy === null ? null : await prepareProxy(running, proxy, config, brings, undo);
  // Last, because clients may connect as soon as an address is open.
  const changes: ListenerChange[] = [];
  undo.push(() => changes.forEach((change) => change.discard()));
  if (proxy !== null) {
    changes.push(await proxy.listeners.prepare(config.proxy.listen));
    changes.push(await proxy.reverse.listeners.prepare(config.proxy.reverse));
  }
  if (own !== null && workers === null && running.halves.gateway) {
    changes.push(await own.listeners.prepare(config.gateway.listen));
  }
  const rule = poolRule(config.gateway.workers, !running.halves.proxy);
  const nextWorkers =
    (await (only === null ? workers?.prepare(config, rule ?? undefined) : workers?.preparePlugin(only))) ??
    null;
  undo.push(() => nextWorkers?.discard());
  if (running.stopping) throw new ConfigError('ERR_ABORTED', 'Weir is stopping');

  return async () => {
    undo.length = 0; // in force from here on
    const ports = gatewayPorts(running);
    nextWorkers?.apply();
    nextGateway?.apply();
    nextProxy?.apply();
    nextLog.apply();
    nextOutlets.apply();
    running.config = config;
    const problems: string[] = [];
    for (const change of changes) problems.push(...(await change.apply()));
    if (proxy !== null) protect(proxy, ports, gatewayPorts(running));
    const isSwitched = running.halves.gateway && (workers === null) !== (rule === null);
    const waits = (key: string): boolean =>
      !isIn(key, APPLIED) || (isSwitched && isIn(key, ['gateway.workers']));
    const result: ReloadResult = {
      applied: [
        ...changedKeys(before, config).filter((key) => !waits(key)),
        ...(nextProxy?.applied ?? []),
        ...(only === null ? [] : [`plugin ${only}`]),
        ...(nextGateway?.applied() ?? []),
      ],
      needsRestart: [...changedKeys(running.configAtStart, config).filter(waits), ...problems],
      warnings: idleWarnings(running),
    };
    log.event('info', 'configuration reloaded', result);
    return result;
  };
}

interface NextGateway {
  readonly brings: Pick<BladeSet, 'hooks' | 'authenticators'>;
  apply(): void;
  /** What changed, once it is applied. */
  applied(): string[];
}

async function prepareGateway(
  { log, workers }: Running,
  own: OwnGateway,
  config: ResolvedConfig,
  only: string | null,
  undo: Undo,
): Promise<NextGateway> {
  const { gateway, bladeSets } = own;
  const former = own.blades;
  const tags = tagsOf(gateway);
  const keep = only === null ? undefined : allBut(only, former);
  const blades = await BladeSet.load(config, log, keep);
  const close = async (set: BladeSet): Promise<void> => {
    await set.close();
    bladeSets.delete(set);
  };
  bladeSets.add(blades);
  undo.push(() => close(blades));
  const takeOver = gateway.prepare(
    gatewayOptions(config, blades.blades, log, poolOf(workers), blades.services),
  );
  return {
    brings: blades,
    apply: () => {
      own.blades = blades;
      blades.takeOver();
      void takeOver().then(() => close(former));
    },
    applied: () => {
      const now = [...tagsOf(gateway)];
      return [
        ...changedPlugins(former, blades).map((name) => `the code of plugin ${name}`),
        ...now.filter(([path, tag]) => (tags.get(path) ?? tag) !== tag).map(([path]) => `ISTag of ${path}`),
      ];
    },
  };
}

/**
 * Keeps every plugin but one.
 * @throws {PluginError} `ERR_PLUGIN_LOAD` where none has that name
 */
function allBut(name: string, { plugins }: BladeSet): (entry: PluginEntry) => LoadedPlugin | null {
  if (!plugins.some((plugin) => plugin.name === name)) {
    const names = plugins.map((plugin) => plugin.name).join(', ') || 'none';
    const text = `no plugin named ${printable(name)} is loaded; there are: ${names}`;
    throw new PluginError('ERR_PLUGIN_LOAD', text, { plugin: name });
  }
  return (entry) => plugins.find((plugin) => plugin.entry === entry && plugin.name !== name) ?? null;
}

interface NextProxy {
  /** Changes in files that the configuration names. */
  readonly applied: readonly string[];
  apply(): void;
}

async function prepareProxy(
  { halves, log, own }: Running,
  proxy: ProxyHalf,
  config: ResolvedConfig,
  { hooks, authenticators }: NextGateway['brings'],
  undo: Undo,
): Promise<NextProxy> {
  const before = proxy.parts;
  const ca = await loadCa(config.proxy, proxy.ca, (message) => log.event('warn', message, {}));
  const tls = await makeTlsPart(config.proxy, before.tls, log);
  const parts = makeProxyParts(config, ca.contexts, own!.gateway, halves, log, before, tls, hooks);
  const replaced = parts.adaptation === before.adaptation ? null : before.adaptation;
  undo.push(() => {
    if (replaced !== null) for (const service of parts.adaptation.services) void service.close();
  });
  const access = makeAccessPart(config.proxy, proxy.access, log, authenticators);
  const isNewAccess = access.options.key !== proxy.access.options.key;
  undo.push(() => {
    if (isNewAccess) access.close();
  });
  const tlsSource = listenerTlsSource(ca.authority);
  const arrangement = proxy.server.arrange({
    ...parts.options,
    access: access.options,
    tlsSource,
    site: proxy.site.serve,
  });
  return {
    applied: [
      ...(ca.authority.fingerprint256 === proxy.ca.authority.fingerprint256
        ? []
        : ['the certificate authority']),
      ...tls.changed.map((path) => `the list ${path}`),
    ],
    apply: () => {
      proxy.server.apply(arrangement);
      tls.apply();
      proxy.reverse.apply(config, parts);
      if (ca.contexts !== proxy.ca.contexts) void proxy.ca.contexts.close();
      if (isNewAccess) proxy.access.close();
      Object.assign(proxy, { ca, access, parts });
      for (const service of replaced?.services ?? []) void service.close();
    },
  };
}

/** Keeps clients of the proxy away from the ports of the gateway. */
function protect(
  { server, listeners, reverse }: ProxyHalf,
  before: readonly number[],
  now: readonly number[],
): void {
  const others = [...listeners.ports, ...reverse.listeners.ports];
  for (const port of before) if (!others.includes(port)) server.unprotectPort(port);
  for (const port of now) server.protectPort(port);
}

function isIn(key: string, sections: readonly string[]): boolean {
  return sections.some((section) => key === section || key.startsWith(`${section}.`));
}

function changedPlugins(before: BladeSet, now: BladeSet): string[] {
  const changes = new Map(before.plugins.map(({ name, changed }) => [name, changed]));
  return now.plugins
    .filter(({ name, changed }) => changes.has(name) && changes.get(name) !== changed)
    .map(({ name }) => name);
}

function tagsOf(gateway: Gateway): Map<string, string> {
  return new Map(gateway.paths.map((path) => [path, gateway.find(path)!.describe().istag]));
}

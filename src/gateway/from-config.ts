// The gateway that a resolved configuration describes, and the blades it judges with. The one process of
// `weir start` and every worker process build theirs here, so that an option reaches both.

import { hostname } from 'node:os';
import type { Network } from '../config/addresses.ts';
import type { GatewayListener, ResolvedConfig, UserCheckConfig } from '../config/types.ts';
import { loadLook } from '../pages/index.ts';
import { PluginError } from '../errors.ts';
import type { Blade, RegisteredService } from '../plugin/api.ts';
import type { LoadOptions, LoadedPlugin } from '../plugin/loader.ts';
import { loadPlugins } from '../plugin/loader.ts';
import type { Log } from '../telemetry/log.ts';
import { formatAuthority } from '../util/authority.ts';
import { Gateway } from './gateway.ts';
import type { GatewayOptions, GatewayPool, ListenerSecurity } from './gateway.ts';
import type { UserCheckOptions } from './usercheck/usercheck.ts';

/**
 * Loads the plugins of a configuration, except those that `keep` has.
 * @throws {PluginError} `ERR_PLUGIN_…`; none is left loaded then
 */
export async function loadBlades(
  config: ResolvedConfig,
  log: Log,
  keep: LoadOptions['keep'] = () => null,
): Promise<{ blades: Blade[]; plugins: LoadedPlugin[] }> {
  const blades: Blade[] = [];
  const plugins = await loadPlugins(config.plugins, {
    log: log.logger.child({}, { level: config.log.level }), // the log's own level may be another yet
    onBlade: (blade) => void blades.push(blade),
    keep,
  });
  return { blades, plugins };
}

/** Makes the gateway; it does not listen yet. `pool` as in `gatewayOptions`. */
export function makeGateway(
  config: ResolvedConfig,
  blades: readonly Blade[],
  log: Log,
  pool: GatewayPool | null = null,
  pluginServices: readonly RegisteredService[] = [],
): Gateway {
  return new Gateway(gatewayOptions(config, blades, log, pool, pluginServices));
}

/**
 * What the configuration says of the gateway, for a new one or for `reconfigure`.
 * @param pool  the processes that it shares its load with; null where it runs alone
 * @throws {PluginError} `ERR_PLUGIN_LOAD`: a service of a plugin has the path of one in gateway.services
 */
export function gatewayOptions(
  config: ResolvedConfig,
  blades: readonly Blade[],
  log: Log,
  pool: GatewayPool | null = null,
  pluginServices: readonly RegisteredService[] = [],
): GatewayOptions {
  const { gateway, profiles } = config;
  const mostAtOnce = pool?.peers == null ? Infinity : pool.handlers;
  refuseClash(config, pluginServices);
  return {
    via: gateway.via ? gateway.name : null,
    strict: gateway.strict,
    allow: cidrs(gateway.allow),
    trustIdentity: cidrs(gateway.trustIdentity),
    passwords: {
      file: gateway.auth?.basic.file ?? null,
      services: Object.fromEntries(
        Object.values(gateway.services).map(({ name, auth }) => [`/${name}`, auth?.basic.file ?? null]),
      ),
    },
    listeners: gateway.listen.map((listener) => ({
      host: listener.host,
      port: listener.port,
      ...listenerSecurity(listener),
    })),
    limits: gateway.limits,
    spool: config.adaptation.spool,
    telemetry: log,
    memory: {
      verdicts: gateway.verdicts,
      background: gateway.background,
      quarantine: gateway.quarantine,
      usercheck: userCheckOptions(config.usercheck),
      reports: reportsAddress(config.dashboard),
    },
    blades,
    pluginServices: pluginServices.map((service) => ({
      service,
      maxConnections: Math.min(PLUGIN_SERVICE_CONNECTIONS, mostAtOnce),
    })),
    pool,
    services: Object.values(gateway.services).map((service) => ({
      name: service.name,
      kind: service.kind,
      profile: service.profile === null ? null : profiles[service.profile]!,
      rules: service.rules.map((rule) => ({
        icapClients: cidrs(rule.icapClients),
        clients: cidrs(rule.clients),
        profile: profiles[rule.profile]!,
      })),
      methods: service.methods,
      previewBytes: service.previewBytes,
      // What OPTIONS promises is of all processes together, and no more than they can keep.
      maxConnections: Math.min(service.maxConnections, mostAtOnce),
      optionsTtlSeconds: Math.round(service.optionsTtlMs / 1000),
    })),
  };
}

/** Where the dashboard shows reports; null without one, and where its port is not known beforehand. */
function reportsAddress({ listen }: ResolvedConfig['dashboard']): string | null {
  if (listen === null || listen.port === 0) return null;
  const isAnywhere = listen.host === '0.0.0.0' || listen.host === '::';
  return `http://${formatAuthority(isAnywhere ? hostname() : listen.host, listen.port)}/#/threats/`;
}

const PLUGIN_SERVICE_CONNECTIONS = 100;

function refuseClash({ gateway }: ResolvedConfig, services: readonly RegisteredService[]): void {
  for (const { path, plugin } of services) {
    if (!Object.values(gateway.services).some(({ name }) => `/${name}` === path)) continue;
    const text = `plugin ${plugin}: its service ${path} has the path of one in gateway.services: rename that one`;
    throw new PluginError('ERR_PLUGIN_LOAD', text, { plugin, path });
  }
}

/** @throws {ConfigError} `ERR_CONFIG_…` for templates that are wrong */
function userCheckOptions({
  folder,
  answerWithinMs,
  critical,
  templates,
}: UserCheckConfig): UserCheckOptions {
  const look = templates === null ? null : loadLook(templates);
  return { folder, ticketMs: answerWithinMs, critical, look };
}

/** What a listener of the configuration has beside its address. */
export function listenerSecurity({ tls, proxyProtocol }: GatewayListener): ListenerSecurity {
  return { tls, proxyProtocol: proxyProtocol === null ? null : cidrs(proxyProtocol) };
}

function cidrs(list: readonly Network[]): string[] {
  return list.map(({ address, prefix }) => `${address}/${prefix}`);
}

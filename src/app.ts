// Puts the halves together from a resolved configuration: CA, plugins, gateway, adaptation, proxy.
// Everything below takes plain options; only this file knows the configuration's shape.

import { readFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { rootCertificates } from 'node:tls';
import { CertificateAuthority } from './ca/authority.ts';
import { LeafContexts } from './ca/leaf-cache.ts';
import type { AdaptationConfig, AdaptationRule, ResolvedConfig } from './config/types.ts';
import { ConfigError, messageOf } from './errors.ts';
import { Gateway } from './gateway/gateway.ts';
import type { AdaptationService } from './icap/client/adaptation.ts';
import { InProcessService } from './icap/client/in-process.ts';
import { IcapServiceClient } from './icap/client/service-client.ts';
import type { Blade } from './plugin/api.ts';
import type { LoadedPlugin } from './plugin/loader.ts';
import { closePlugins, loadPlugins } from './plugin/loader.ts';
import { AdaptationPipeline } from './proxy/adaptation/pipeline.ts';
import type { PlannedStep, StepCondition } from './proxy/adaptation/pipeline.ts';
import { AdaptationStep } from './proxy/adaptation/step.ts';
import type { StepService } from './proxy/adaptation/step.ts';
import { hostMatcher } from './proxy/host-match.ts';
import { isOwnAddress } from './proxy/origin/connector.ts';
import { NativeEngine } from './proxy/origin/native-engine.ts';
import { UndiciEngine } from './proxy/origin/undici-engine.ts';
import { ProxyServer } from './proxy/proxy-server.ts';
import { openLog } from './telemetry/log.ts';
import type { Log } from './telemetry/log.ts';
import { formatAuthority } from './util/authority.ts';
import { WEIR_VERSION } from './util/version.ts';

export interface Halves {
  readonly proxy: boolean;
  readonly gateway: boolean;
}

export interface RunningWeir {
  /** `host:port` of each listener. */
  readonly proxyAddresses: readonly string[];
  readonly gatewayAddresses: readonly string[];
  /** Null where no proxy runs. */
  readonly ca: { readonly path: string; readonly created: boolean } | null;
  /** Paths of the gateway's services. */
  readonly services: readonly string[];
  readonly warnings: readonly string[];
  /** Writes out what the log has gathered; it does so by itself four times a second. */
  flushLog?(): void;
  stop(graceMs: number): Promise<void>;
  /** Absent in this version: a changed configuration needs a restart. */
  reload?(config: ResolvedConfig): Promise<void>;
}

/**
 * Starts the halves.
 * @throws {WeirError} `ERR_LISTEN`, `ERR_CA_…`, `ERR_PLUGIN_…`, `ERR_CONFIG_…`; nothing is left running then
 */
export async function startWeir(config: ResolvedConfig, halves: Halves): Promise<RunningWeir> {
  const log = openLog(config.log);
  const started: (() => void | Promise<void>)[] = [() => log.close()];
  try {
    return await start(config, halves, log, started);
  } catch (error) {
    for (const stop of started.reverse()) await stop();
    throw error;
  }
}

async function start(
  config: ResolvedConfig,
  halves: Halves,
  log: Log,
  started: (() => void | Promise<void>)[],
): Promise<RunningWeir> {
  const warnings: string[] = [];
  const { blades, plugins } = await loadBlades(config, log);
  started.push(() => closePlugins(plugins));
  const gateway = makeGateway(config, blades, log);
  for (const path of gateway.idleServices) {
    warnings.push(`gateway service ${path} has no blade to inspect with: it lets everything pass`);
  }
  for (const warning of warnings) log.event('warn', warning, {});
  const gatewayAddresses: string[] = [];
  const gatewayPorts: number[] = [];
  if (halves.gateway) {
    started.push(() => gateway.close(0));
    for (const { host, port } of config.gateway.listen) {
      const address = await gateway.listen(port, host);
      gatewayPorts.push(address.port);
      gatewayAddresses.push(formatAuthority(host, address.port));
    }
  }
  let ca: RunningWeir['ca'] = null;
  const proxyAddresses: string[] = [];
  let proxy: ProxyServer | null = null;
  const services: AdaptationService[] = [];
  if (halves.proxy) {
    const authority = await CertificateAuthority.loadOrCreate(config.proxy.certs);
    ca = { path: authority.ca.certificatePath, created: authority.created };
    proxy = makeProxy(config, new LeafContexts(authority.ca), gateway, halves, log, services);
    const running = proxy;
    started.push(() => running.close(0));
    for (const port of gatewayPorts) proxy.protectPort(port);
    for (const { host, port } of config.proxy.listen) {
      const address = await proxy.listen(port, host);
      proxyAddresses.push(formatAuthority(host, address.port));
    }
  }
  const stop = async (graceMs: number): Promise<void> => {
    // The proxy first: it may still need the gateway for what is under way.
    await proxy?.close(graceMs);
    if (halves.gateway) await gateway.close(graceMs);
    for (const service of services) await service.close();
    await closePlugins(plugins);
    log.close();
  };
  return {
    proxyAddresses,
    gatewayAddresses,
    ca,
    services: gateway.paths,
    warnings,
    flushLog: () => log.flush(),
    stop,
  };
}

async function loadBlades(
  config: ResolvedConfig,
  log: Log,
): Promise<{ blades: Blade[]; plugins: LoadedPlugin[] }> {
  const blades: Blade[] = [];
  const plugins = await loadPlugins(config.plugins, {
    log: log.logger,
    onBlade: (blade) => void blades.push(blade),
  });
  return { blades, plugins };
}

function makeGateway(config: ResolvedConfig, blades: readonly Blade[], log: Log): Gateway {
  const { gateway, profiles } = config;
  return new Gateway({
    via: gateway.via ? gateway.name : null,
    strict: gateway.strict,
    allow: gateway.allow.map((network) => `${network.address}/${network.prefix}`),
    limits: gateway.limits,
    spool: config.adaptation.spool,
    telemetry: log,
    blades,
    services: Object.values(gateway.services).map((service) => ({
      name: service.name,
      kind: service.kind,
      profile: service.profile === null ? null : profiles[service.profile]!,
      methods: service.methods,
      previewBytes: service.previewBytes,
      maxConnections: service.maxConnections,
      optionsTtlSeconds: Math.round(service.optionsTtlMs / 1000),
    })),
  });
}

function makeProxy(
  config: ResolvedConfig,
  contexts: LeafContexts,
  gateway: Gateway,
  halves: Halves,
  log: Log,
  services: AdaptationService[],
): ProxyServer {
  const { limits, upstream, tls, targets } = config.proxy;
  const deny = new BlockList();
  const deniedHosts: string[] = [];
  for (const entry of targets.deny) {
    if (entry.kind === 'host') deniedHosts.push(entry.pattern);
    else deny.addSubnet(entry.address, entry.prefix, entry.family);
  }
  return new ProxyServer({
    pipeline: makePipeline(config, gateway, halves, services),
    tlsRules: tls.rules,
    limits: { ...limits, targetBytes: limits.uriBytes },
    telemetry: log,
    contextFor: (name) => contexts.contextFor(name),
    upstream: { ...upstream, ca: trustOf(upstream.trust) },
    engine: (connector) => {
      const engine = { connector, responseTimeoutMs: upstream.responseTimeoutMs };
      return upstream.engine === 'undici' ? new UndiciEngine(engine) : new NativeEngine(engine);
    },
    deny: { networks: deny, hosts: deniedHosts },
  });
}

/** Own PEM files beside Node's roots; null where there are none. @throws {ConfigError} `ERR_CONFIG_UNREADABLE` */
function trustOf(files: readonly string[]): readonly string[] | null {
  if (files.length === 0) return null;
  const own = files.map((path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new ConfigError(
        'ERR_CONFIG_UNREADABLE',
        `proxy.upstream.trust: ${messageOf(error)}`,
        { path },
        error,
      );
    }
  });
  return [...rootCertificates, ...own];
}

function makePipeline(
  config: ResolvedConfig,
  gateway: Gateway,
  halves: Halves,
  opened: AdaptationService[],
): AdaptationPipeline {
  const { adaptation } = config;
  const members = new Map<string, StepService>();
  for (const service of Object.values(adaptation.services)) {
    const used = isUsed(adaptation, service.name);
    if (!used) continue;
    const way = wayTo(service, config, gateway, halves);
    opened.push(way);
    members.set(service.name, { service: way, onError: service.onError, busy: 0 });
  }
  const steps = new Map<string, AdaptationStep>();
  for (const [name, member] of members) steps.set(name, new AdaptationStep(name, [member], 'failover'));
  for (const group of Object.values(adaptation.groups)) {
    const of = group.services.flatMap((name) => members.get(name) ?? []);
    if (of.length > 0) steps.set(group.name, new AdaptationStep(group.name, of, group.strategy));
  }
  const plan = (point: AdaptationRule['point']): PlannedStep[] =>
    adaptation.rules
      .filter((rule) => rule.point === point)
      .flatMap((rule) => rule.use.map((name) => ({ step: steps.get(name)!, when: conditionOf(rule) })));
  return new AdaptationPipeline(plan('reqmod'), plan('respmod'), adaptation.spool);
}

function isUsed({ rules, groups }: AdaptationConfig, service: string): boolean {
  return rules.some((rule) =>
    rule.use.some((name) => name === service || groups[name]?.services.includes(service)),
  );
}

/** In this process when the URL is our own gateway's, unless the service says otherwise (contract). */
function wayTo(
  service: AdaptationConfig['services'][string],
  config: ResolvedConfig,
  gateway: Gateway,
  halves: Halves,
): AdaptationService {
  const { url, name } = service;
  const path = url.path.length > 1 && url.path.endsWith('/') ? url.path.slice(0, -1) : url.path;
  const own =
    halves.gateway &&
    !url.secure &&
    config.gateway.listen.some((listener) => listener.port === url.port && reaches(url.host, listener.host));
  if (own && service.inProcess) return new InProcessService(name, gateway, path, url.query.slice(1));
  return new IcapServiceClient({
    name,
    secure: url.secure,
    host: url.host,
    port: url.port,
    path: `${url.path}${url.query}`,
    user: url.user,
    password: url.password,
    timeoutMs: service.timeoutMs,
    connectTimeoutMs: service.connectTimeoutMs,
    previewBytes: service.previewBytes,
    spool: config.adaptation.spool,
    userAgent: `Weir/${WEIR_VERSION}`,
  });
}

function reaches(host: string, listener: string): boolean {
  if (host === listener) return true;
  const local = (name: string): boolean => name === 'localhost' || name === '::' || isOwnAddress(name);
  return local(host) && local(listener);
}

function conditionOf(rule: AdaptationRule): StepCondition | null {
  const { when } = rule;
  if (when === null) return null;
  const any = when.hosts.length === 0 || when.hosts.includes('*');
  const matches = hostMatcher(Object.fromEntries(when.hosts.map((host) => [host, true as const])));
  const unlimited = (list: readonly string[], all: string): readonly string[] =>
    list.includes(all) ? [] : list;
  return {
    matchesHost: any ? () => true : (host) => matches(host) === true,
    types: unlimited(when.types, '*/*'),
    methods: unlimited(when.methods, '*'),
  };
}

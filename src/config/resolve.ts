// From the checked configuration to the resolved one: paths made absolute, built-in services, profiles
// and plugins added, defaults that depend on other keys or on the machine filled in. Never fails:
// whatever may be wrong, schema.ts and check.ts have found before.

import os from 'node:os';
import path from 'node:path';
import { resolveClients, resolveListeners, resolveProxyAuth } from './access-resolve.ts';
import { ICAP_PORT, icapUrl, type IcapUrl, type ListenAddress } from './addresses.ts';
import {
  defaultCertsFolder,
  defaultStateFolder,
  defaultTraceFolder,
  packagePlace,
  type PackagePlace,
} from './package-root.ts';
import { DEFAULT_PROFILE, resolveProfiles } from './profiles.ts';
import { gatewayService, type CheckedConfig } from './schema.ts';
import { adaptationService } from './service-schema.ts';
import { resolveSyslog, resolveWebhooks } from './siem-resolve.ts';
import { resolveTls } from './tls-rules.ts';
import type {
  AdaptationConfig,
  AdaptationService,
  BasicAuthConfig,
  GatewayConfig,
  GatewayService,
  PluginEntry,
  ProxyConfig,
  ResolvedConfig,
} from './types.ts';
import { isLoopbackHost, resolveTargets, resolveWaysOut } from './ways-out.ts';

/** The service that everything goes to by default: of the own gateway, and on the proxy's side. */
export const DEFAULT_SERVICE = 'sandblast';

/** Services that the gateway always has. */
export const BUILT_IN_SERVICES: readonly string[] = [DEFAULT_SERVICE, 'echo', 'info'];

/** What resolution depends on beside the file. */
export interface Surroundings {
  /** Absolute path that relative ones are seen from: the file's folder, or the working directory. */
  folder: string;
  /** False when `plugins` is not in the file: the built-in ones are then those of the package. */
  pluginsGiven: boolean;
  /** Where the package lies; default: this one. */
  place?: PackagePlace;
  env?: NodeJS.ProcessEnv;
}

/** Completes a checked configuration. */
export function resolveConfig(config: CheckedConfig, surroundings: Surroundings): ResolvedConfig {
  const { folder, pluginsGiven, place = packagePlace(), env = process.env } = surroundings;
  const absolute = (file: string) => path.resolve(folder, file);
  const gateway = resolveGateway(config, absolute, (kind) => defaultStateFolder(kind, place, env));
  return {
    proxy: resolveProxy(config, absolute, defaultCertsFolder(place, env)),
    adaptation: resolveAdaptation(config, absolute, gateway),
    gateway,
    profiles: resolveProfiles(config.profiles),
    usercheck: {
      templates: orNull(config.usercheck.templates, absolute),
      folder: orNull(config.usercheck.folder, absolute) ?? defaultStateFolder('usercheck', place, env),
      answerWithinMs: config.usercheck.answerWithin,
      critical: config.usercheck.critical,
    },
    plugins: config.plugins.map(({ use, with: options, isolate }): PluginEntry => {
      // Not the working directory's: what lies there must not run unless a configuration says so.
      const thread = isolate === null ? {} : { isolate };
      return { use, with: options ?? {}, ...thread, resolveFrom: pluginsGiven ? folder : place.root };
    }),
    dashboard: { listen: config.dashboard.listen, token: config.dashboard.token },
    capture: config.capture,
    metrics: config.metrics,
    tracing: config.tracing,
    log: {
      level: config.log.level,
      file: orNull(config.log.file, absolute),
      syslog: resolveSyslog(config.log.syslog, absolute),
    },
    webhooks: resolveWebhooks(config.webhooks, absolute, defaultStateFolder('webhooks', place, env)),
    trace: {
      enabled: config.trace.enabled,
      folder: orNull(config.trace.folder, absolute) ?? defaultTraceFolder(place, env),
      maxBytes: config.trace.maxBytes,
      maxAgeMs: config.trace.maxAge,
      bodies: config.trace.bodies,
    },
    reload: { watch: config.reload.watch },
    shutdown: { graceMs: config.shutdown.grace },
  };
}

type Absolute = (file: string) => string;

function resolveProxy({ proxy }: CheckedConfig, absolute: Absolute, certs: string): ProxyConfig {
  const { upstream, limits, http2 } = proxy;
  return {
    listen: resolveListeners(proxy.listen, absolute),
    certs: orNull(proxy.certs, absolute) ?? certs,
    ca: { ...proxy.ca, passphraseFile: orNull(proxy.ca.passphraseFile, absolute) },
    tls: resolveTls(proxy.tls, absolute),
    upstream: {
      trust: upstream.trust.map(absolute),
      verify: upstream.verify,
      onCertError: upstream.onCertError,
      certErrorPassMs: upstream.certErrorPass,
      completeChains: upstream.completeChains,
      revocation: upstream.revocation,
      crls: upstream.crls.map(absolute),
      ...resolveWaysOut(upstream, absolute),
      engine: upstream.engine,
      hosts: table(Object.entries(upstream.hosts)),
      connectTimeoutMs: upstream.connectTimeout,
      responseTimeoutMs: upstream.responseTimeout,
    },
    auth: resolveProxyAuth(proxy.auth, absolute),
    clients: resolveClients(proxy.clients),
    targets: resolveTargets(proxy.targets, !proxy.listen.every(({ listen }) => isLoopbackHost(listen.host))),
    reverse: proxy.reverse.map(({ listen, target, tls, trustForwarded, forwarded, passHost, keepAlive }) => ({
      ...listen,
      target,
      tls: tls === null ? null : resolvePaths(tls, absolute),
      trustForwarded,
      forwarded,
      passHost,
      keepAliveMs: keepAlive,
    })),
    pac: proxy.pac,
    http2: {
      client: http2.client,
      origin: http2.origin,
      maxStreams: http2.maxStreams,
      windowBytes: http2.window,
      altSvc: http2.altSvc,
    },
    limits: {
      connections: limits.connections,
      headerBytes: limits.headerBytes,
      headerFields: limits.headerFields,
      uriBytes: limits.uriBytes,
      headTimeoutMs: limits.headTimeout,
      idleTimeoutMs: limits.idleTimeout,
      handshakeTimeoutMs: limits.handshakeTimeout,
      bodyRate: limits.bodyRate,
      bodyRateWindowMs: limits.bodyRateWindow,
      totalTimeoutMs: limits.totalTimeout,
    },
  };
}

function resolveAdaptation(
  { adaptation }: CheckedConfig,
  absolute: Absolute,
  gateway: GatewayConfig,
): AdaptationConfig {
  const own = { ...adaptationService.parse({ url: 'icap://localhost/' }), url: ownUrl(gateway) };
  const services = { [DEFAULT_SERVICE]: own, ...adaptation.services };
  const { memory, total, folder } = adaptation.spool;
  return {
    services: table(
      Object.entries(services).map(([name, service]): [string, AdaptationService] => [
        name,
        {
          name,
          url: service.url,
          onError: service.onError,
          onOverload: service.onOverload,
          routing: service.routing,
          maxConnections: service.maxConnections,
          failureLimit: service.failureLimit,
          timeoutMs: service.timeout,
          connectTimeoutMs: service.connectTimeout,
          previewBytes: service.preview,
          retries: service.retries,
          allow: service.allow,
          sendTrailers: service.sendTrailers,
          identity: service.identity,
          redact: service.redact,
          strict: service.strict,
          tls: {
            ca: service.tls.ca.map(absolute),
            cert: orNull(service.tls.cert, absolute),
            key: orNull(service.tls.key, absolute),
            verify: service.tls.verify,
            serverName: service.tls.serverName,
          },
          inProcess: service.inProcess,
        },
      ]),
    ),
    groups: table(Object.entries(adaptation.groups).map(([name, group]) => [name, { name, ...group }])),
    rules: adaptation.rules.map((rule) => ({ ...rule, stop: rule.stop ?? rule.use.length === 0 })),
    share: adaptation.share,
    notScanned: decided(adaptation.notScanned),
    ranges: {
      mode: adaptation.ranges.mode,
      maxBytes: adaptation.ranges.max,
      keepMs: adaptation.ranges.keep,
      totalBytes: adaptation.ranges.total,
      share: adaptation.ranges.share,
    },
    streams: {
      types: adaptation.streams.types,
      policy: adaptation.streams.policy,
      windowBytes: adaptation.streams.window,
      overlapBytes: adaptation.streams.overlap,
      everyMs: adaptation.streams.every,
      quietAfterMs: adaptation.streams.quietAfter,
      quietBytes: adaptation.streams.quietBytes,
    },
    webSocket: {
      inspect: adaptation.webSocket.inspect,
      maxMessageBytes: adaptation.webSocket.maxMessage,
    },
    holdBytes: adaptation.hold.whole,
    patience: {
      afterMs: adaptation.hold.after,
      browser: adaptation.hold.browser,
      program: adaptation.hold.program,
      rateBytes: adaptation.hold.rate,
      tailBytes: adaptation.hold.tail,
      agents: adaptation.hold.agents,
      ticketMs: adaptation.hold.ticket,
      files: adaptation.hold.files,
    },
    spool: { memoryBytes: memory, totalBytes: total, folder: orNull(folder, absolute) ?? os.tmpdir() },
  };
}

/** The entries that are not null. */
function decided<Key extends string, Value>(
  entries: Readonly<Record<Key, Value | null>>,
): Partial<Record<Key, Value>> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== null)) as Partial<
    Record<Key, Value>
  >;
}

/** The gateway's own service as the proxy's client sees it; spelt as a URL though no socket is used. */
function ownUrl(gateway: GatewayConfig): IcapUrl {
  const plain = gateway.listen.find(({ tls, proxyProtocol }) => tls === null && proxyProtocol === null);
  const listener: ListenAddress = plain ?? gateway.listen[0] ?? { host: '127.0.0.1', port: ICAP_PORT };
  const secure = plain === undefined && gateway.listen[0]?.tls != null;
  const host = listener.host === '0.0.0.0' ? '127.0.0.1' : listener.host === '::' ? '::1' : listener.host;
  const path = `/${DEFAULT_SERVICE}`;
  const place = { secure, host, port: listener.port, socketPath: null };
  return icapUrl({ ...place, path, query: '', user: null, password: null });
}

function resolveGateway(
  { gateway }: CheckedConfig,
  absolute: Absolute,
  stateFolder: (kind: string) => string,
): GatewayConfig {
  const standard = gatewayService.parse({});
  const services = {
    ...Object.fromEntries(BUILT_IN_SERVICES.map((name) => [name, standard])),
    ...gateway.services,
  };
  const { limits, verdicts, background, quarantine } = gateway;
  return {
    name: gateway.name,
    listen: gateway.listen.map(({ listen, tls, proxyProtocol }) => ({
      ...listen,
      tls: tls === null ? null : { ...resolvePaths(tls, absolute), clientCa: orNull(tls.clientCa, absolute) },
      proxyProtocol: proxyProtocol === false ? null : proxyProtocol === true ? gateway.allow : proxyProtocol,
    })),
    allow: gateway.allow,
    trustIdentity: gateway.trustIdentity,
    auth: resolveAuth(gateway.auth, absolute),
    strict: gateway.strict,
    via: gateway.via,
    workers: gateway.workers,
    limits: {
      connections: limits.connections,
      idleTimeoutMs: limits.idleTimeout,
      requestTimeoutMs: limits.requestTimeout,
      handshakeTimeoutMs: limits.handshakeTimeout,
      drainBytes: limits.drainBytes,
      drainTimeoutMs: limits.drainTimeout,
      maxRequestsPerConnection: limits.maxRequestsPerConnection,
      head: {
        startLineBytes: limits.startLineBytes,
        headerBytes: limits.headerBytes,
        headerFields: limits.headerFields,
        sectionBytes: limits.sectionBytes,
      },
    },
    verdicts: {
      folder: orNull(verdicts.folder, absolute) ?? stateFolder('verdicts'),
      entries: verdicts.entries,
      maxAgeMs: verdicts.maxAge,
    },
    background,
    quarantine: {
      folder: orNull(quarantine.folder, absolute) ?? stateFolder('quarantine'),
      maxBytes: quarantine.maxBytes,
      maxAgeMs: quarantine.maxAge,
      maxFile: quarantine.maxFile,
    },
    services: table(
      Object.entries(services).map(([name, service]): [string, GatewayService] => {
        const kind = name === 'echo' || name === 'info' ? name : 'scan';
        return [
          name,
          {
            name,
            kind,
            profile: kind === 'scan' ? (service.profile ?? DEFAULT_PROFILE) : null,
            rules: kind === 'scan' ? service.rules : [],
            maxConnections: service.maxConnections ?? limits.connections,
            auth: resolveAuth(service.auth === undefined ? gateway.auth : service.auth, absolute),
            previewBytes: service.preview,
            methods: kind === 'info' ? ['REQMOD'] : service.methods,
            optionsTtlMs: service.optionsTtl,
          },
        ];
      }),
    ),
  };
}

function resolveAuth(auth: BasicAuthConfig | null, absolute: Absolute): BasicAuthConfig | null {
  return auth === null ? null : { basic: { file: absolute(auth.basic.file) } };
}

function resolvePaths(tls: { cert: string; key: string }, absolute: Absolute): { cert: string; key: string } {
  return { cert: absolute(tls.cert), key: absolute(tls.key) };
}

function orNull(file: string | null, absolute: Absolute): string | null {
  return file === null ? null : absolute(file);
}

/** Names to values without a prototype: a request for `/constructor` must find nothing. */
function table<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.assign(Object.create(null), Object.fromEntries(entries)) as Record<string, T>;
}

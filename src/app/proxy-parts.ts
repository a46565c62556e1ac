// The proxy's side of a resolved configuration as plain options: adaptation rules with their ways to ICAP
// services, TLS rules, the way to the origins. At a reload what did not change is taken over as it is.

import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { LeafContexts } from '../ca/leaf-cache.ts';
import type { AdaptationConfig, ResolvedConfig } from '../config/types.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { AdaptationService } from '../icap/client/adaptation.ts';
import type { IcapServiceHost } from '../icap/service.ts';
import { AdaptationPipeline } from '../proxy/adaptation/pipeline.ts';
import type { AdaptationStep, StepService } from '../proxy/adaptation/step.ts';
import type { RegisteredHook } from '../plugin/api.ts';
import { ProxyHooks } from '../proxy/hooks/proxy-hooks.ts';
import type { ProxyArrangementOptions } from '../proxy/arrangement.ts';
import { RangeObjects } from '../proxy/ranges/range-objects.ts';
import { StreamAdaptation } from '../proxy/streams/stream-adaptation.ts';
import { Http2Engine } from '../proxy/origin/h2-engine.ts';
import { NativeEngine } from '../proxy/origin/native-engine.ts';
import { UndiciEngine } from '../proxy/origin/undici-engine.ts';
import { agentMatcher } from '../proxy/patience/settings.ts';
import type { PatienceSettings } from '../proxy/patience/settings.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { sortedJson } from '../util/sorted-json.ts';
import { isUsed, plannedRules, stepsOf } from './adaptation-rules.ts';
import type { Halves } from './running.ts';
import { readOriginCertificates } from './origin-certificates.ts';
import { readServiceTls } from './service-tls.ts';
import type { ServiceTls } from './service-tls.ts';
import { wayTo } from './service-ways.ts';
import type { ServiceSurroundings } from './service-ways.ts';
import type { TlsPart } from './tls-part.ts';
import { readWaysOut, targetPolicyOf } from './ways-out.ts';

export interface ProxyParts {
  readonly options: ProxyArrangementOptions;
  readonly adaptation: AdaptationPart;
  readonly tls: TlsPart;
  /** Host patterns that proxy.pac sends past the proxy. */
  readonly pacDirect: readonly string[];
}

export interface AdaptationPart {
  /** Equal for equal rules, services and own listeners. */
  readonly key: string;
  readonly pipeline: AdaptationPipeline;
  readonly streams: StreamAdaptation;
  readonly ranges: RangeObjects;
  readonly services: readonly AdaptationService[];
  /** What rules use, by name: services and groups. */
  readonly steps: ReadonlyMap<string, AdaptationStep>;
}

/**
 * Makes the options of the proxy.
 * @param before  the parts in force, or null at the start
 * @param tls  what proxy.tls says, with the lists that it names
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`: a file of proxy.upstream.trust or of a service's tls;
 *         `ERR_CONFIG_VALUE`: such a file cannot be used
 */
export function makeProxyParts(
  config: ResolvedConfig,
  contexts: LeafContexts,
  gateway: IcapServiceHost,
  halves: Halves,
  telemetry: Telemetry,
  before: ProxyParts | null,
  tls: TlsPart,
  hooks: readonly RegisteredHook[] = [],
): ProxyParts {
  const { limits, upstream, targets, http2 } = config.proxy;
  const ca = trustOf(upstream.trust);
  const serviceTls = readServiceTls(config.adaptation);
  const key = sortedJson([config.adaptation, config.gateway.listen, halves, serviceTls.digest]);
  const adaptation =
    before?.adaptation.key === key
      ? before.adaptation
      : makeAdaptation(key, serviceTls, { config, gateway, halves, telemetry });
  const { key: waysKey, ...ways } = readWaysOut(upstream, ca);
  const certificates = readOriginCertificates(upstream, telemetry);
  const options: ProxyArrangementOptions = {
    pipeline: adaptation.pipeline,
    patience: patienceOf(config.adaptation),
    streams: adaptation.streams,
    webSocket: config.adaptation.webSocket,
    hooks: ProxyHooks.of(hooks),
    ranges: adaptation.ranges,
    tlsRules: tls.rules,
    nonTls: config.proxy.tls.nonTls,
    selfHealing: tls.selfHealing,
    http2: { client: http2.client ? http2 : null, keepsAltSvc: http2.altSvc === 'keep' },
    limits: { ...limits, targetBytes: limits.uriBytes },
    leafs: contexts,
    upstream: { ...upstream, ca, ...ways, verification: certificates.verification },
    engine: (connector) => {
      const engine = { connector, responseTimeoutMs: upstream.responseTimeoutMs };
      const http1 = upstream.engine === 'undici' ? new UndiciEngine(engine) : new NativeEngine(engine);
      if (http2.origin === 'never') return http1;
      return new Http2Engine({ ...engine, http1, offer: http2.origin, windowBytes: http2.windowBytes });
    },
    originKey: sortedJson([
      upstream,
      ca,
      waysKey,
      certificates.key,
      targets,
      http2.origin,
      http2.windowBytes,
    ]),
    targets: targetPolicyOf(targets),
  };
  return { options, adaptation, tls, pacDirect: config.proxy.pac.direct };
}

/** Null where everybody waits. */
function patienceOf({ patience, spool }: AdaptationConfig): PatienceSettings | null {
  const { agents, ...settings } = patience;
  if (settings.browser === 'wait' && settings.program === 'wait') return null;
  return { ...settings, isProgram: agentMatcher(agents), spool };
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

/** The adaptation alone, for whoever has messages without a proxy. @throws as {@link makeProxyParts} */
export function makeAdaptationPart(surroundings: ServiceSurroundings): AdaptationPart {
  return makeAdaptation('', readServiceTls(surroundings.config.adaptation), surroundings);
}

function makeAdaptation(
  key: string,
  serviceTls: ServiceTls,
  surroundings: ServiceSurroundings,
): AdaptationPart {
  const { adaptation } = surroundings.config;
  const opened: AdaptationService[] = [];
  const members = new Map<string, StepService>();
  for (const service of Object.values(adaptation.services)) {
    const used = isUsed(adaptation, service.name);
    if (!used) continue;
    const way = wayTo(service, serviceTls.options.get(service.name), surroundings);
    opened.push(way);
    const { onError, onOverload, routing } = service;
    members.set(service.name, { service: way, onError, onOverload, routing, busy: 0 });
  }
  const meters = surroundings.telemetry.meters ?? null;
  const steps = stepsOf(adaptation, members, meters);
  const pipeline = new AdaptationPipeline({
    reqmod: plannedRules(adaptation.rules, 'reqmod', steps),
    respmod: plannedRules(adaptation.rules, 'respmod', steps),
    spool: adaptation.spool,
    holdBytes: adaptation.holdBytes,
    notScanned: adaptation.notScanned,
    share: adaptation.share,
    stepNamed: (name) => steps.get(name),
    meters,
  });
  const streams = new StreamAdaptation(adaptation.streams);
  const ranges = new RangeObjects({ ...adaptation.ranges, spool: adaptation.spool });
  return { key, pipeline, streams, ranges, services: opened, steps };
}

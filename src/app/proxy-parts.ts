// The proxy's side of a resolved configuration as plain options: adaptation rules with their ways to ICAP
// services, TLS rules, the way to the origins. At a reload what did not change is taken over as it is.

import { readFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { LeafContexts } from '../ca/leaf-cache.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { AdaptationService } from '../icap/client/adaptation.ts';
import type { IcapServiceHost } from '../icap/service.ts';
import { AdaptationPipeline } from '../proxy/adaptation/pipeline.ts';
import type { AdaptationStep, StepService } from '../proxy/adaptation/step.ts';
import type { ProxyArrangementOptions } from '../proxy/arrangement.ts';
import { NativeEngine } from '../proxy/origin/native-engine.ts';
import { UndiciEngine } from '../proxy/origin/undici-engine.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { sortedJson } from '../util/sorted-json.ts';
import { isUsed, plannedRules, stepsOf } from './adaptation-rules.ts';
import type { Halves } from './running.ts';
import { readServiceTls } from './service-tls.ts';
import type { ServiceTls } from './service-tls.ts';
import { wayTo } from './service-ways.ts';
import type { ServiceSurroundings } from './service-ways.ts';

export interface ProxyParts {
  readonly options: ProxyArrangementOptions;
  readonly adaptation: AdaptationPart;
}

export interface AdaptationPart {
  /** Equal for equal rules, services and own listeners. */
  readonly key: string;
  readonly pipeline: AdaptationPipeline;
  readonly services: readonly AdaptationService[];
  /** What rules use, by name: services and groups. */
  readonly steps: ReadonlyMap<string, AdaptationStep>;
}

/**
 * Makes the options of the proxy.
 * @param before  the parts in force, or null at the start
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
): ProxyParts {
  const { limits, upstream, tls, targets } = config.proxy;
  const ca = trustOf(upstream.trust);
  const serviceTls = readServiceTls(config.adaptation);
  const key = sortedJson([config.adaptation, config.gateway.listen, halves, serviceTls.digest]);
  const adaptation =
    before?.adaptation.key === key
      ? before.adaptation
      : makeAdaptation(key, serviceTls, { config, gateway, halves, telemetry });
  const deny = new BlockList();
  const deniedHosts: string[] = [];
  for (const entry of targets.deny) {
    if (entry.kind === 'host') deniedHosts.push(entry.pattern);
    else deny.addSubnet(entry.address, entry.prefix, entry.family);
  }
  const options: ProxyArrangementOptions = {
    pipeline: adaptation.pipeline,
    tlsRules: tls.rules,
    limits: { ...limits, targetBytes: limits.uriBytes },
    contextFor: (name) => contexts.contextFor(name),
    upstream: { ...upstream, ca },
    engine: (connector) => {
      const engine = { connector, responseTimeoutMs: upstream.responseTimeoutMs };
      return upstream.engine === 'undici' ? new UndiciEngine(engine) : new NativeEngine(engine);
    },
    originKey: sortedJson([upstream, ca, targets]),
    deny: { networks: deny, hosts: deniedHosts },
  };
  return { options, adaptation };
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
  const steps = stepsOf(adaptation, members);
  const pipeline = new AdaptationPipeline({
    reqmod: plannedRules(adaptation.rules, 'reqmod', steps),
    respmod: plannedRules(adaptation.rules, 'respmod', steps),
    spool: adaptation.spool,
    holdBytes: adaptation.holdBytes,
    notScanned: adaptation.notScanned,
    share: adaptation.share,
    stepNamed: (name) => steps.get(name),
  });
  return { key, pipeline, services: opened, steps };
}

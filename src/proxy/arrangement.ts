// What a configuration says about forwarding, as one thing that a transaction or tunnel begins and ends
// with. A reload makes another one; the way to the origins goes over into it where nothing about it changed.

import type { BlockList } from 'node:net';
import { isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import { HttpError } from '../errors.ts';
import type { HeadLimits } from '../http/message-reader.ts';
import { isAllowed } from '../util/networks.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { PolicyLine, TraceSink } from '../trace/notes.ts';
import type { Deadlines } from '../util/deadlines.ts';
import type { AdaptationPipeline } from './adaptation/pipeline.ts';
import { hostMatcher } from './host-match.ts';
import { OriginConnector, isOwnAddress } from './origin/connector.ts';
import type { OriginEngine } from './origin/engine.ts';
import type { ProxyContext, Session } from './session.ts';
import type { TlsRule } from './tls-rules.ts';
import { tlsDecider, tlsRuleFinder } from './tls-rules.ts';
import type { TunnelContext } from './tunnel.ts';

export interface ProxyLimits extends HeadLimits {
  /** Client connections; further ones are answered 503 and closed. */
  readonly connections: number;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

export interface ProxyArrangementOptions {
  readonly pipeline: AdaptationPipeline;
  readonly tlsRules: readonly TlsRule[];
  readonly limits: ProxyLimits;
  /** Leaf certificate and key for a name (src/ca). */
  contextFor(name: string): SecureContext;
  readonly upstream: {
    /** Certificates (PEM) that vouch for origins; null: Node's own roots. */
    readonly ca: readonly string[] | null;
    readonly verify: boolean;
    readonly hosts: Readonly<Record<string, string>>;
    readonly connectTimeoutMs: number;
  };
  /** Makes the origin engine on the proxy's connector. */
  engine(connector: OriginConnector): OriginEngine;
  /** Differs where `upstream`, `engine` or `deny` differ: open connections to origins are not used again then. */
  readonly originKey: string;
  readonly deny: { readonly networks: BlockList; readonly hosts: readonly string[] };
}

/** What outlives every arrangement. */
export interface ProxyGround {
  readonly telemetry: Telemetry;
  readonly traces: TraceSink | null;
  readonly viaName: string;
  readonly deadlines: Deadlines;
  /** True for a port of this program. */
  isOwnPort(port: number): boolean;
}

export class ProxyArrangement implements ProxyContext, TunnelContext {
  readonly telemetry: Telemetry;
  readonly traces: TraceSink | null;
  readonly viaName: string;
  readonly deadlines: Deadlines;
  readonly pipeline: AdaptationPipeline;
  readonly limits: ProxyLimits;
  readonly handshakeTimeoutMs: number;
  readonly connector: OriginConnector;
  readonly engine: OriginEngine;
  readonly decide: TunnelContext['decide'];
  readonly #ground: ProxyGround;
  readonly #options: ProxyArrangementOptions;
  readonly #deniedHost: (host: string) => true | undefined;
  readonly #findTlsRule: (host: string) => number;

  /** @param before  the arrangement that this one replaces, or null */
  constructor(ground: ProxyGround, options: ProxyArrangementOptions, before: ProxyArrangement | null) {
    this.#ground = ground;
    this.#options = options;
    this.telemetry = ground.telemetry;
    this.traces = ground.traces;
    this.viaName = ground.viaName;
    this.deadlines = ground.deadlines;
    this.pipeline = options.pipeline;
    this.limits = options.limits;
    this.handshakeTimeoutMs = options.limits.handshakeTimeoutMs;
    this.decide = tlsDecider(options.tlsRules);
    this.#findTlsRule = tlsRuleFinder(options.tlsRules);
    this.#deniedHost = hostMatcher(
      Object.fromEntries(options.deny.hosts.map((host) => [host, true as const])),
    );
    if (before !== null && before.#options.originKey === options.originKey) {
      this.connector = before.connector;
      this.engine = before.engine;
      return;
    }
    this.connector = new OriginConnector({
      ...options.upstream,
      isOwnPort: (port) => ground.isOwnPort(port),
      isDeniedAddress: (address) => isAllowed(options.deny.networks, address),
    });
    this.engine = options.engine(this.connector);
  }

  contextFor(name: string): SecureContext {
    return this.#options.contextFor(name);
  }

  checkTarget(host: string, port: number): void {
    const isAddress = isIP(host) !== 0;
    if (this.#ground.isOwnPort(port) && (isAddress ? isOwnAddress(host) : /^(.+\.)?localhost$/.test(host))) {
      throw new HttpError('ERR_PROXY_SELF', `${host}:${port} is one of Weir's own ports`, { host, port });
    }
    const denied =
      this.#deniedHost(host) === true || (isAddress && isAllowed(this.#options.deny.networks, host));
    if (denied) throw new HttpError('ERR_PROXY_DENIED', `${host} is on proxy.targets.deny`, { host });
  }

  /** The rule that decided over a tunnel, asked as tunnel.ts asks; null: none fitted. */
  tlsRule(sni: string | null, host: string): PolicyLine | null {
    const bySni = sni === null || sni === host ? -1 : this.#findTlsRule(sni);
    const index = bySni >= 0 ? bySni : this.#findTlsRule(host);
    const rule = this.#options.tlsRules[index];
    if (rule === undefined) return null;
    const more = rule.hosts.length > 3 ? ', …' : '';
    const text = `${rule.action} ${rule.hosts.slice(0, 3).join(', ')}${more}`;
    return { path: `proxy.tls.rules[${index}]`, text };
  }

  /** Whether a tunnel that was opened earlier may still carry requests. */
  admits({ tunnel, tls }: Session): boolean {
    if (tunnel === null) return true;
    const { host, port } = tunnel.target;
    const sni = tls?.sni ?? null;
    if (((sni === null ? null : this.decide(sni)) ?? this.decide(host)) === 'terminate') return false;
    try {
      this.checkTarget(host, port);
      return true;
    } catch {
      return false;
    }
  }
}

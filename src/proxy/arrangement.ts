// What a configuration says about forwarding, as one thing that a transaction or tunnel begins and ends
// with. A reload makes another one; the way to the origins goes over into it where nothing about it changed.

import { isIP } from 'node:net';
import type { CaptureSink } from '../capture/capture.ts';
import { HttpError } from '../errors.ts';
import type { HeadLimits } from '../http/message-reader.ts';
import type { Http2ClientSettings } from '../http2/server-connection.ts';
import { isOwnAddress } from '../util/own-address.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { ClientHello } from '../tls/client-hello.ts';
import type { PolicyLine, TraceSink } from '../trace/notes.ts';
import type { Deadlines } from '../util/deadlines.ts';
import type { AccessOptions } from './access/access.ts';
import { Access, OPEN_ACCESS } from './access/access.ts';
import type { AdaptationPipeline } from './adaptation/pipeline.ts';
import type { CertificatePolicyOptions, LeafChoice, LeafSource } from './certificate-policy.ts';
import { CertificatePolicy } from './certificate-policy.ts';
import type { EntranceOptions } from './entrance/entrance.ts';
import type { ListenerTls, TlsSource } from './entrance/tls-stage.ts';
import type { ProxyHooks } from './hooks/proxy-hooks.ts';
import type { BindAddresses } from './origin/bind.ts';
import { OriginConnector } from './origin/connector.ts';
import type { OriginEngine, OriginTarget } from './origin/engine.ts';
import type { ClientCertificate } from './origin/origin-tls.ts';
import { logParentHealth } from './origin/parent-health.ts';
import type { ParentOptions } from './origin/parents.ts';
import type { ResolverOptions } from './origin/resolver.ts';
import type { VerificationOptions } from './origin/verification.ts';
import type { Patience, PatienceSettings } from './patience/settings.ts';
import type { WaitingRoom } from './patience/waiting-room.ts';
import type { ProxyContext, Session } from './session.ts';
import type { TargetPolicyOptions } from './target-policy.ts';
import { TargetPolicy } from './target-policy.ts';
import type { RangeObjects } from './ranges/range-objects.ts';
import type { StreamAdaptation } from './streams/stream-adaptation.ts';
import type { NonTls } from './tls-policy/non-tls.ts';
import type { TlsDecision, TlsFacts, TlsRule } from './tls-policy/rules.ts';
import { TlsRules } from './tls-policy/rules.ts';
import type { SelfHealing } from './tls-policy/self-healing.ts';
import { spliceLine } from './tls-policy/self-healing.ts';
import type { PaceLimits } from './exchange-watch.ts';
import type { TunnelContext } from './tunnel.ts';
import type { OwnSite } from './weir-local.ts';
import { isOwnHost, OWN_HOST_DECISION } from './weir-local.ts';
import type { WebSocketSettings } from './websocket/inspection.ts';
import type { WebSocketRelay } from './websocket/relay.ts';

export interface ProxyLimits extends HeadLimits, PaceLimits {
  /** Client connections; further ones are answered 503 and closed. */
  readonly connections: number;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

export interface ProxyArrangementOptions {
  /** Who may use the proxy; absent: everybody who reaches it. */
  readonly access?: AccessOptions;
  /** Certificate and key of a listener that speaks TLS; absent: none does. */
  tlsSource?(tls: ListenerTls, listener: EntranceOptions): TlsSource;
  readonly pipeline: AdaptationPipeline;
  readonly streams: StreamAdaptation;
  /** Absent: WebSockets pass without inspection. */
  readonly webSocket?: WebSocketSettings;
  /** What plugins have hooked in; absent or null: nothing. */
  readonly hooks?: ProxyHooks | null;
  readonly ranges: RangeObjects;
  /** For clients of slow scans; absent or null: they wait, whatever it takes. */
  readonly patience?: PatienceSettings | null;
  readonly tlsRules: readonly TlsRule[];
  /** Default http. */
  readonly nonTls?: NonTls;
  /** Default null: what clients make of our certificates is not noted. */
  readonly selfHealing?: SelfHealing | null;
  readonly limits: ProxyLimits;
  /** Default: HTTP/2 is not offered to clients, and Alt-Svc taken off answers. */
  readonly http2?: {
    /** Null: not offered. */
    readonly client: Http2ClientSettings | null;
    readonly keepsAltSvc: boolean;
  };
  /** Leaf certificates and keys for names (src/ca). */
  readonly leafs: LeafSource;
  readonly upstream: CertificatePolicyOptions & {
    /** Certificates (PEM) that vouch for origins; null: Node's own roots. */
    readonly ca: readonly string[] | null;
    readonly verify: boolean;
    readonly hosts: Readonly<Record<string, string>>;
    readonly connectTimeoutMs: number;
    readonly dns: ResolverOptions;
    readonly bind: BindAddresses;
    readonly parents: readonly ParentOptions[];
    readonly clientCertificates: readonly ClientCertificate[];
    readonly verification: VerificationOptions;
  };
  /** Makes the origin engine on the proxy's connector. */
  engine(connector: OriginConnector): OriginEngine;
  /** Differs where `upstream`, `engine` or `targets` differ: open connections to origins are not used again then. */
  readonly originKey: string;
  /** Where clients may not go. */
  readonly targets: TargetPolicyOptions;
  /** What the proxy's own host serves; default null: it is a host like any other. */
  readonly site?: OwnSite | null;
}

/** What outlives every arrangement. */
export interface ProxyGround {
  readonly telemetry: Telemetry;
  readonly traces: TraceSink | null;
  /** Who wants copies of transactions now; absent or null: nobody. */
  readonly captures?: CaptureSink | null;
  readonly viaName: string;
  readonly deadlines: Deadlines;
  readonly waitingRoom: WaitingRoom;
  /** WebSockets whose messages are inspected now. */
  readonly relays: Set<WebSocketRelay>;
  /** What newer requests meet; absent: there is one arrangement only. */
  inForce?(): ProxyArrangement;
  /** True for a port of this program. */
  isOwnPort(port: number): boolean;
}

export class ProxyArrangement implements ProxyContext, TunnelContext {
  readonly telemetry: Telemetry;
  readonly traces: TraceSink | null;
  readonly viaName: string;
  readonly deadlines: Deadlines;
  readonly access: Access;
  readonly patience: Patience;
  readonly pipeline: AdaptationPipeline;
  readonly streams: StreamAdaptation;
  readonly webSocket: WebSocketSettings;
  readonly relays: Set<WebSocketRelay>;
  readonly hooks: ProxyHooks | null;
  readonly ranges: RangeObjects;
  readonly limits: ProxyLimits;
  /** Null: clients are not offered HTTP/2. */
  readonly http2: Http2ClientSettings | null;
  readonly keepsAltSvc: boolean;
  readonly handshakeTimeoutMs: number;
  readonly connector: OriginConnector;
  readonly engine: OriginEngine;
  readonly nonTls: NonTls;
  readonly selfHealing: SelfHealing | null;
  readonly certificates: CertificatePolicy;
  readonly site: OwnSite | null;
  readonly #ground: ProxyGround;
  readonly #options: ProxyArrangementOptions;
  readonly #targets: TargetPolicy;
  readonly #tlsRules: TlsRules;

  /** @param before  the arrangement that this one replaces, or null */
  constructor(ground: ProxyGround, options: ProxyArrangementOptions, before: ProxyArrangement | null) {
    this.#ground = ground;
    this.#options = options;
    this.telemetry = ground.telemetry;
    this.traces = ground.traces;
    this.viaName = ground.viaName;
    this.deadlines = ground.deadlines;
    this.relays = ground.relays;
    const { waitingRoom: room, deadlines } = ground;
    this.patience = { settings: options.patience ?? null, room, deadlines };
    this.access = new Access(options.access ?? OPEN_ACCESS);
    this.pipeline = options.pipeline;
    this.streams = options.streams;
    this.webSocket = options.webSocket ?? { inspect: false, maxMessageBytes: Infinity };
    this.hooks = options.hooks ?? null;
    this.ranges = options.ranges;
    this.limits = options.limits;
    this.http2 = options.http2?.client ?? null;
    this.keepsAltSvc = options.http2?.keepsAltSvc ?? false;
    this.handshakeTimeoutMs = options.limits.handshakeTimeoutMs;
    this.nonTls = options.nonTls ?? 'http';
    this.selfHealing = options.selfHealing ?? null;
    this.site = options.site ?? null;
    this.#tlsRules = new TlsRules(options.tlsRules);
    this.#targets = new TargetPolicy(options.targets);
    if (before !== null && before.#options.originKey === options.originKey) {
      this.connector = before.connector;
      this.engine = before.engine;
      this.certificates = this.#certificatePolicy();
      return;
    }
    this.connector = new OriginConnector({
      ...options.upstream,
      isOwnPort: (port) => ground.isOwnPort(port),
      isDeniedAddress: (address, host) => this.#targets.isDeniedAddress(address, host),
      viaName: ground.viaName,
      onParentHealth: (parent, failure) => logParentHealth(ground.telemetry, parent, failure),
    });
    this.engine = options.engine(this.connector);
    this.certificates = this.#certificatePolicy();
  }

  get captures(): CaptureSink | null {
    return this.#ground.captures ?? null;
  }

  get inForce(): ProxyContext {
    return this.#ground.inForce?.() ?? this;
  }

  #certificatePolicy(): CertificatePolicy {
    const { upstream, leafs } = this.#options;
    return new CertificatePolicy(upstream, leafs, this.connector, this.telemetry);
  }

  leafFor(asked: string, hello: ClientHello, target: OriginTarget): LeafChoice | Promise<LeafChoice> {
    return this.certificates.leafFor(asked, hello, target);
  }

  /**
   * Certificate and key of a listener; null for one that speaks no TLS.
   * @throws as {@link ProxyArrangementOptions.tlsSource}
   */
  tlsSource(listener: EntranceOptions): TlsSource | null {
    const { tls } = listener;
    return tls === null ? null : (this.#options.tlsSource?.(tls, listener) ?? null);
  }

  /** True for the proxy's own host, where it serves one. */
  servesItself(host: string): boolean {
    return isOwnHost(host) && this.site !== null;
  }

  checkTarget(host: string, port: number): void {
    if (this.servesItself(host)) return;
    const isAddress = isIP(host) !== 0;
    if (this.#ground.isOwnPort(port) && (isAddress ? isOwnAddress(host) : /^(.+\.)?localhost$/.test(host))) {
      throw new HttpError('ERR_PROXY_SELF', `${host}:${port} is one of Weir's own ports`, { host, port });
    }
    if (!this.#targets.isDenied(host)) return;
    throw new HttpError('ERR_PROXY_DENIED', `${host} is on proxy.targets.deny`, { host });
  }

  decide(facts: TlsFacts): TlsDecision | null {
    if (this.servesItself(facts.host)) return OWN_HOST_DECISION;
    return this.#tlsRules.decide(facts);
  }

  /** The line that decided over a tunnel, asked as tunnel.ts asks; null: none. */
  tlsRule(facts: TlsFacts, action: 'learned' | 'tunnel' | null): PolicyLine | null {
    if (action === 'tunnel') return { path: 'proxy.tls.nonTls', text: 'tunnel' };
    const learned = action === 'learned' ? this.selfHealing?.find(facts) : null;
    if (learned != null) return spliceLine(learned);
    const decision = this.decide(facts);
    return decision === null ? null : this.#tlsRules.line(decision.index);
  }

  /** Whether a tunnel that was opened earlier may still carry requests. */
  admits({ tunnel, tls, client, user, groups = [] }: Session): boolean {
    if (tunnel === null) return true;
    const { host, port } = tunnel.target;
    if (this.decide({ host, port, client, user, groups, sni: tls?.sni })?.action === 'terminate')
      return false;
    try {
      this.checkTarget(host, port);
      return true;
    } catch {
      return false;
    }
  }
}

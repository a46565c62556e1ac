// Tunnels: judges one that is asked for, asks services about it where rules name CONNECT, opens it, and keeps
// its records. Who asks, and how they are told, is a TunnelClient; a tunnel's first bytes are tunnel.ts.

import type { Socket } from 'node:net';
import { HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { formatAuthority } from '../util/authority.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { adaptConnect } from './adapted-connect.ts';
import type { ConnectTarget } from './adapted-connect.ts';
import { asWeirError, errorAnswer } from './answers.ts';
import type { ProxyArrangement } from './arrangement.ts';
import type { ConnectionRecords } from './connection-records.ts';
import type { Entrance } from './entrance/entrance.ts';
import type { OriginTarget } from './origin/engine.ts';
import { parseConnectTarget } from './request-target.ts';
import type { Session, TunnelTls } from './session.ts';
import type { TlsFacts } from './tls-policy/rules.ts';
import { openTunnel } from './tunnel.ts';
import type { TunnelClient } from './tunnel-request.ts';

export interface TunnelHost {
  readonly telemetry: Telemetry;
  readonly records: ConnectionRecords;
  readonly viaName: string;
  /** HTTP begins inside a tunnel. */
  serveTunnel(socket: Socket, entrance: Entrance, session: Session, onUsed: (() => void) | null): void;
}

/** By whom and where a tunnel is asked for. */
export interface TunnelSource {
  readonly client: TunnelClient;
  readonly entrance: Entrance;
  readonly session: Session;
}

function factsOf({ client, user, groups = [] }: Session, { host, port }: ConnectTarget): TlsFacts {
  return { host, port, client, user, groups, sni: undefined };
}

export class TunnelOpener {
  readonly #host: TunnelHost;
  #spliced = 0;

  constructor(host: TunnelHost) {
    this.#host = host;
  }

  /** Tunnels that are passed through unread. */
  get spliced(): number {
    return this.#spliced;
  }

  /** Opens a tunnel, or tells its client why not. */
  open(arrangement: ProxyArrangement, source: TunnelSource): void {
    let target: ConnectTarget;
    try {
      target = this.#judge(arrangement, source);
    } catch (thrown) {
      return this.refuse(arrangement, source, asWeirError(thrown));
    }
    if (arrangement.hooks?.has('onConnect') === true) return void this.#hooked(arrangement, source, target);
    this.#go(arrangement, source, target);
  }

  /** Asks plugins first whether a tunnel may be opened. Never rejects. */
  async #hooked(arrangement: ProxyArrangement, source: TunnelSource, target: ConnectTarget): Promise<void> {
    try {
      await arrangement.hooks!.connect(source.session, target);
    } catch (thrown) {
      return this.refuse(arrangement, source, asWeirError(thrown));
    }
    this.#go(arrangement, source, target);
  }

  #go(arrangement: ProxyArrangement, source: TunnelSource, target: ConnectTarget): void {
    const isAdapted = arrangement.pipeline.adaptsConnect && !arrangement.servesItself(target.host);
    if (!isAdapted) return this.#tunnel(arrangement, source, target);
    void this.#adapt(arrangement, source, target);
  }

  /** Tells a client that there is no tunnel for it. */
  refuse(arrangement: ProxyArrangement, { client, session }: TunnelSource, error: WeirError): void {
    const { request } = client;
    const { head, startedAt } = request;
    const id = newIncidentId();
    const status = client.refuse(error, errorAnswer(error, id, head.target, head));
    const host = String(error.fields['host'] ?? '');
    const port = Number(error.fields['port'] ?? 0);
    const facts = factsOf(session, { host, port });
    const opening = this.#host.records.opening(arrangement, request, head.target, facts, null);
    const refused = { ...session, opening };
    this.#host.records.failure(error, id, refused, 'CONNECT', head.target, status, startedAt);
  }

  // --- judging ---

  #judge(arrangement: ProxyArrangement, { client, session }: TunnelSource): ConnectTarget {
    const { head, facts } = client.request;
    const target = parseConnectTarget(head.target);
    if (session.tunnel !== null)
      throw new HttpError('ERR_HTTP_TARGET', 'CONNECT inside a tunnel is not supported');
    if (client.hasBody) throw new HttpError('ERR_HTTP_FRAMING', 'CONNECT has no body');
    if (facts.via?.includes(this.#host.viaName)) {
      throw new HttpError('ERR_PROXY_LOOP', 'the request has passed through this proxy before (Via)');
    }
    this.#judgeTarget(arrangement, session, target);
    return target;
  }

  #judgeTarget(arrangement: ProxyArrangement, session: Session, target: ConnectTarget): void {
    const { host, port } = target;
    arrangement.checkTarget(host, port);
    if (arrangement.decide(factsOf(session, target))?.action !== 'terminate') return;
    this.#host.telemetry.meters?.tunnel('terminate');
    throw new HttpError('ERR_PROXY_DENIED', `proxy.tls.rules terminate ${host}`, { host, port });
  }

  /** Asks services first whether a tunnel may be opened, and where to (K-52). Never rejects. */
  async #adapt(arrangement: ProxyArrangement, source: TunnelSource, before: ConnectTarget): Promise<void> {
    const { client, session: asked } = source;
    const { request } = client;
    const { records } = this.#host;
    const connectNotes = records.connectNotes(request);
    const adapted = await adaptConnect(arrangement.pipeline, request, asked, before, connectNotes);
    const session = { ...asked, connectSteps: adapted.trace, connectNotes };
    const { target, renamed, answer, output, error } = adapted;
    if (answer !== null) {
      const url = formatAuthority(before.host, before.port);
      return records.connect(request, session, url, client.answer(answer), output);
    }
    try {
      if (error !== null) throw error;
      if (renamed) this.#judgeTarget(arrangement, session, target!);
    } catch (thrown) {
      return this.refuse(arrangement, { ...source, session }, asWeirError(thrown));
    }
    this.#tunnel(arrangement, { ...source, session }, target!);
  }

  // --- the tunnel ---

  #tunnel(arrangement: ProxyArrangement, source: TunnelSource, target: ConnectTarget): void {
    const { client, entrance, session } = source;
    const { request } = client;
    const { host, port } = target;
    const { records, telemetry } = this.#host;
    const url = formatAuthority(host, port);
    const { socket, rest } = client.accept();
    const facts = factsOf(session, target);
    const openingOf = (tls: TunnelTls | null, action: 'learned' | 'tunnel' | null = null) => {
      const known = tls === null ? facts : { ...facts, sni: tls.sni };
      return records.opening(arrangement, request, url, known, action);
    };
    openTunnel(arrangement, socket, rest, facts, {
      onHttp: (inner, origin, tls, onUsed) => {
        telemetry.meters?.tunnel(tls === null ? 'plain' : 'bump');
        this.#serve(inner, entrance, { ...session, opening: openingOf(tls) }, origin, tls, onUsed);
        if (session.connectSteps !== undefined) records.connect(request, session, url, 200, null);
      },
      onSpliced: (tls, origin) => {
        this.#noteSpliced(socket);
        const opening = openingOf(
          tls,
          tls === null ? 'tunnel' : tls.learned === undefined ? null : 'learned',
        );
        records.tunnel(request, { ...session, opening }, url, tls, origin);
      },
      onFailed: (error, tls) => {
        if (tls?.action === 'terminate') telemetry.meters?.tunnel('terminate');
        const failed = {
          ...session,
          tls,
          opening: openingOf(tls, tls?.learned === undefined ? null : 'learned'),
        };
        records.failure(error, newIncidentId(), failed, 'CONNECT', url, 200, request.startedAt);
      },
    });
  }

  #noteSpliced(socket: Socket): void {
    this.#host.telemetry.meters?.tunnel('splice');
    this.#spliced++;
    socket.once('close', () => this.#spliced--);
  }

  #serve(
    socket: Socket,
    entrance: Entrance,
    { client, user, groups = [], opening }: Session,
    target: OriginTarget,
    tls: TunnelTls | null,
    onUsed: (() => void) | null,
  ): void {
    if (tls !== null && tls.sni !== null && tls.sni !== target.host) {
      const fields = { client, sni: tls.sni, host: target.host };
      this.#host.telemetry.event('info', 'SNI differs from the CONNECT host', fields);
    }
    const authority = formatAuthority(target.host, target.port, 443);
    const tunnel = { target, authority };
    const inside = { client, user, groups, tls, tunnel, opening: opening ?? null };
    this.#host.serveTunnel(socket, entrance, inside, onUsed);
  }
}

// What all entrances of the proxy have in common: who is let in, what is logged of those who are not, and
// where those go who have come in: HTTP to client-connections.ts, tunnels to connect.ts.

import type { Socket } from 'node:net';
import { HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import { FloodGuard } from '../telemetry/flood-guard.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { Deadlines } from '../util/deadlines.ts';
import { networkOf } from '../util/networks.ts';
import type { Access } from './access/access.ts';
import type { ClientUsage } from './access/client-usage.ts';
import type { ProxyArrangement } from './arrangement.ts';
import type { ClientConnections } from './client-connections.ts';
import type { TunnelOpener } from './connect.ts';
import type { Arriving } from './entrance/arriving.ts';
import type { Arrival, Entrance, EntranceHost } from './entrance/entrance.ts';
import type { SocksAsk } from './entrance/socks-dialogue.ts';
import { quietClient } from './tunnel-request.ts';
import type { QuietClient } from './tunnel-request.ts';

export interface ReceptionHost {
  /** What is in force. */
  arrangement(): ProxyArrangement;
  readonly usage: ClientUsage;
  readonly deadlines: Deadlines;
  readonly telemetry: Telemetry;
  readonly connections: ClientConnections;
  readonly tunnels: TunnelOpener;
}

export class Reception implements EntranceHost {
  readonly arriving = new Set<Arriving>();
  readonly deadlines: Deadlines;
  readonly #host: ReceptionHost;
  readonly #flood = new FloodGuard();

  constructor(host: ReceptionHost) {
    this.#host = host;
    this.deadlines = host.deadlines;
  }

  get limits(): EntranceHost['limits'] {
    return this.#host.arrangement().limits;
  }

  get access(): Access {
    return this.#host.arrangement().access;
  }

  admit(socket: Socket, client: string): WeirError | null {
    const { access } = this;
    const refusal = access.refusal(client);
    if (refusal !== null || access.connections === null) return refusal;
    const leave = this.#host.usage.connect(client, access.connections);
    if (leave === null) {
      const text = `${client} has more than ${access.connections} connections open`;
      return new HttpError('ERR_PROXY_CONNECTIONS', text, { client });
    }
    socket.once('close', leave);
    return null;
  }

  /** Logged as often as somebody reads it: five times, then once a minute. */
  refused(client: string, error: WeirError): void {
    const leftOut = this.#flood.pass(`${error.code} ${networkOf(client)}`);
    if (leftOut === null) return;
    const { code, message, remedy } = error;
    const fields = { code, client, ...(leftOut === 0 ? {} : { leftOut }) };
    this.#host.telemetry.event('warn', `${message}: ${remedy}`, fields);
  }

  onWarning(message: string): void {
    this.#host.telemetry.event('warn', message, {});
  }

  onHttp(stream: Socket, entrance: Entrance, arrival: Arrival): void {
    this.#host.connections.arrived(stream, entrance, arrival);
  }

  onSocks(stream: Socket, entrance: Entrance, arrival: Arrival, ask: SocksAsk, arriving: Arriving): void {
    this.#open(stream, entrance, arrival, ask.target, {
      grant: () => {
        arriving.done(stream);
        ask.grant();
      },
      deny: (error) => {
        arriving.done(stream);
        stream.on('error', () => stream.destroy());
        ask.deny(error);
      },
    });
  }

  onRedirected(
    stream: Socket,
    entrance: Entrance,
    arrival: Arrival,
    target: { readonly host: string; readonly port: number },
    arriving: Arriving,
  ): void {
    this.#open(stream, entrance, arrival, target, {
      grant: () => void arriving.done(stream),
      deny: () => arriving.destroy(),
    });
  }

  /** Closes what has not come in yet. */
  close(entrance: Entrance | null = null): void {
    for (const arriving of this.arriving) {
      if (entrance === null || arriving.entrance === entrance) arriving.destroy();
    }
  }

  #open(
    stream: Socket,
    entrance: Entrance,
    { client, user, groups }: Arrival,
    target: { readonly host: string; readonly port: number },
    told: QuietClient,
  ): void {
    const arrangement = this.#host.arrangement();
    const { tunnels, usage } = this.#host;
    const { requests } = arrangement.access;
    const source = {
      client: quietClient(stream, target, told),
      entrance,
      session: { client, user, groups, tls: null, tunnel: null },
    };
    if (requests !== null && usage.request(client, requests) > 0) {
      const text = `${client} sends more than ${requests.perSecond} requests a second`;
      const error = new HttpError('ERR_PROXY_RATE', text, { client });
      this.refused(client, error);
      return told.deny(error);
    }
    tunnels.open(arrangement, source);
  }
}

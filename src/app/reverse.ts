// All addresses of proxy.reverse together: opened and closed like the other listeners, and given what a
// reload brings.

import type { AddressInfo } from 'node:net';
import type { ResolvedConfig, ReverseListener } from '../config/types.ts';
import { OriginConnector } from '../proxy/origin/connector.ts';
import type { ProxyServer } from '../proxy/proxy-server.ts';
import type { ProxyRecord, Telemetry } from '../telemetry/records.ts';
import type { TraceSink } from '../trace/notes.ts';
import { Listeners } from './listeners.ts';
import type { ProxyParts } from './proxy-parts.ts';
import type { ReverseGround, ReverseServer } from './reverse-listener.ts';

export class ReverseProxy {
  readonly listeners: Listeners<ReverseListener>;
  readonly #proxy: ProxyServer;
  readonly #telemetry: Telemetry;
  readonly #open = new Map<string, ReverseServer>();
  /** Those that do not listen any more, until their last connection is gone. */
  readonly #closing = new Set<ReverseServer>();
  #ground: ReverseGround;

  /** @param proxy  knows the ports of this program, and is told of more */
  constructor(proxy: ProxyServer, telemetry: Telemetry, config: ResolvedConfig, parts: ProxyParts) {
    this.#proxy = proxy;
    this.#telemetry = telemetry;
    this.#ground = this.#groundFor(config, parts);
    this.listeners = new Listeners<ReverseListener>({
      listen: (listener) => this.#listen(listener),
      unlisten: (address) => void this.#unlisten(address),
    });
  }

  /** Takes over what a reload has changed besides the listeners. */
  apply(config: ResolvedConfig, parts: ProxyParts): void {
    this.#ground = this.#groundFor(config, parts);
    for (const server of this.#open.values()) server.update();
  }

  /** Lets what is under way finish for up to `graceMs`, then cuts it. */
  async close(graceMs: number): Promise<void> {
    const servers = [...this.#open.values(), ...this.#closing];
    const closed = servers.map((server) => server.close());
    const cut = setTimeout(() => servers.forEach((server) => server.destroy()), graceMs);
    await Promise.all(closed);
    clearTimeout(cut);
  }

  async #listen(listener: ReverseListener): Promise<AddressInfo> {
    const { ReverseServer: Server } = await import('./reverse-listener.ts'); // with http-proxy: only where it is wanted
    const server = new Server(listener, () => this.#ground);
    const address = await server.listen();
    this.#proxy.protectPort(address.port);
    this.#open.set(keyOf(address), server);
    return address;
  }

  async #unlisten(address: AddressInfo): Promise<void> {
    const server = this.#open.get(keyOf(address));
    if (server === undefined) return;
    this.#open.delete(keyOf(address));
    this.#closing.add(server);
    if (![...this.#open.keys()].some((key) => key.endsWith(`|${address.port}`))) {
      this.#proxy.unprotectPort(address.port);
    }
    await server.close();
    this.#closing.delete(server);
  }

  #groundFor(config: ResolvedConfig, { options }: ProxyParts): ReverseGround {
    const telemetry = this.#telemetry;
    const { pipeline, streams, upstream, patience = null } = options;
    const adaptation = { pipeline, streams, patience, parts: config.adaptation.ranges.mode };
    return {
      policy: policyFor(adaptation, telemetry, this.#proxy.traces),
      limits: config.proxy.limits,
      connector: new OriginConnector({
        ...upstream,
        parents: [], // they lead to the outside; the application is the operator's own
        isOwnPort: (port) => this.#proxy.isOwnPort(port),
        isDeniedAddress: () => false, // that list is for clients of the proxy; the target is the operator's choice
      }),
      responseTimeoutMs: config.proxy.upstream.responseTimeoutMs,
      spool: config.adaptation.spool,
      telemetry,
      viaName: this.#proxy.viaName,
    };
  }
}

function policyFor(
  adaptation: Pick<ReverseGround['policy'], 'pipeline' | 'streams' | 'parts' | 'patience'>,
  telemetry: Telemetry,
  traces: TraceSink | null,
): ReverseGround['policy'] {
  return {
    ...adaptation,
    traces,
    skip: () => false,
    user: () => null,
    meters: telemetry.meters ?? null,
    get onRecord() {
      return telemetry.records ? (record: ProxyRecord) => telemetry.proxy(record) : null;
    },
  };
}

const keyOf = ({ address, port }: AddressInfo): string => `${address}|${port}`;

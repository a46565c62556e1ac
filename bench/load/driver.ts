// Drives one job: opens its connections, runs phases of exchanges over them, or holds tunnels open.
// A phase ends only when everything that began in it has ended, so nothing straddles a measurement.
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { percentile } from '../stats.ts';
import { Http2Lanes } from './http2-lanes.ts';
import type { Job, PhaseLimit, PhaseResult } from './protocol.ts';
import { ClosedBetweenExchanges, Tunnel, type TunnelTarget } from './tunnel.ts';

const OPENING_AT_ONCE = 16;
/** Kept-alive connections that may be lost in a phase: more is not keeping alive. */
const REOPENED_LIMIT = 100;

export class Driver {
  readonly #job: Job;
  readonly #target: TunnelTarget;
  readonly #lanes: Tunnel[] = [];
  readonly #held: Tunnel[] = [];
  #streams: Http2Lanes | null = null;
  #reopened = 0;

  constructor(job: Job) {
    this.#job = job;
    const secure = job.shape !== 'plain';
    this.#target = {
      proxyPort: job.proxyPort,
      host: job.host,
      originPort: job.originPort,
      // One context for all: parsing the CA is not what is measured. Sessions are kept per connection.
      context: secure ? createSecureContext({ ca: readFileSync(job.ca) }) : undefined,
    };
  }

  /** Opens the connections of a kept-alive job; the other shapes open theirs as they go. */
  async open(): Promise<void> {
    if (this.#job.shape === 'streams') this.#streams = await Http2Lanes.open(this.#target);
    if (this.#job.shape !== 'tunnel' && this.#job.shape !== 'plain') return;
    for (let lane = 0; lane < this.#job.connections; lane++)
      this.#lanes.push(await Tunnel.open(this.#target));
  }

  /**
   * Runs exchanges on every lane until the limit, and waits for the last.
   *
   * @throws the first failure of any lane; the result of a run with one wrong response is worth nothing
   */
  async phase(limit: PhaseLimit): Promise<PhaseResult> {
    const latencies: number[] = [];
    const begunAt = performance.now();
    const names = limit.names?.values();
    const { shape } = this.#job;
    let failed = false;
    this.#reopened = 0;
    const lane = async (index: number): Promise<void> => {
      const request = this.#request(this.#job.host);
      while (!failed) {
        const startedAt = performance.now();
        if (startedAt - begunAt >= limit.milliseconds) return;
        if (shape === 'new-name') {
          const next = names?.next();
          if (next === undefined || next.done === true) return;
          await this.#once({ ...this.#target, host: next.value }, this.#request(next.value));
        } else if (shape === 'new-tunnel') {
          await this.#once(this.#target, request);
        } else if (shape === 'streams') {
          await this.#streams!.exchange(this.#job.path, this.#job.bodyBytes);
        } else {
          await this.#again(index, request);
        }
        latencies.push(performance.now() - startedAt);
      }
    };
    await Promise.all(
      Array.from({ length: this.#job.connections }, (_, index) =>
        lane(index).catch((error: unknown) => {
          failed = true;
          throw error;
        }),
      ),
    );
    const seconds = (performance.now() - begunAt) / 1000;
    const ascending = Float64Array.from(latencies).sort();
    return {
      exchanges: latencies.length,
      seconds,
      p50Ms: percentile(ascending, 0.5),
      p99Ms: percentile(ascending, 0.99),
      reopened: this.#reopened,
    };
  }

  /** Opens `tunnels` more, runs one exchange in each, and leaves them open. */
  async hold(tunnels: number): Promise<void> {
    const request = this.#request(this.#job.host);
    let begun = 0;
    const opener = async (): Promise<void> => {
      while (begun++ < tunnels) {
        const tunnel = await Tunnel.open(this.#target);
        this.#held.push(tunnel);
        await tunnel.exchange(request, this.#job.bodyBytes);
      }
    };
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, opener));
  }

  close(): void {
    this.#streams?.close();
    for (const tunnel of [...this.#lanes, ...this.#held]) tunnel.close();
  }

  /** The next exchange of a kept-alive connection, on a new one if the proxy has closed it. */
  async #again(index: number, request: Buffer): Promise<void> {
    for (;;) {
      try {
        await (this.#lanes[index] as Tunnel).exchange(request, this.#job.bodyBytes);
        return;
      } catch (error) {
        if (!(error instanceof ClosedBetweenExchanges) || ++this.#reopened > REOPENED_LIMIT) throw error;
        this.#lanes[index] = await Tunnel.open(this.#target);
      }
    }
  }

  async #once(target: TunnelTarget, request: Buffer): Promise<void> {
    const tunnel = await Tunnel.open(target);
    try {
      await tunnel.exchange(request, this.#job.bodyBytes);
    } finally {
      tunnel.close();
    }
  }

  #request(host: string): Buffer {
    const { shape, originPort, path } = this.#job;
    const authority = `${host}:${originPort}`;
    const target = shape === 'plain' ? `http://${authority}${path}` : path;
    return Buffer.from(
      `GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: weir-bench\r\nAccept: */*\r\n\r\n`,
      'latin1',
    );
  }
}

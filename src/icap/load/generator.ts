// Load for one ICAP service over raw sockets: opens the connections, runs phases one after another on
// them, closes. Requests are ready bytes and answers are only scanned, so that one thread outruns most
// servers. What is sent is message.ts, when it is sent is phase.ts.

import { IcapError } from '../../errors.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import { LoadConnection } from './connection.ts';
import type { LoadEndpoint } from './endpoint.ts';
import type { Expectations } from './judge.ts';
import type { LoadMessage } from './message.ts';
import { Phase, type PhasePlan } from './phase.ts';
import type { LoadReport } from './tally.ts';

const ANY_STATUS: Expectations = {
  statuses: Array.from({ length: 500 }, (_, index) => index + 100),
  sameBody: false,
};

export interface LoadOptions {
  readonly endpoint: LoadEndpoint;
  readonly message: LoadMessage;
  readonly connections: number;
  readonly expected: Expectations;
  readonly connectTimeoutMs: number;
}

export class LoadGenerator {
  readonly #options: LoadOptions;
  readonly #connections: LoadConnection[];
  #phase: Phase | null = null;

  constructor(options: LoadOptions) {
    this.#options = options;
    const { endpoint, expected, connectTimeoutMs } = options;
    this.#connections = Array.from(
      { length: options.connections },
      () => new LoadConnection(endpoint, expected, connectTimeoutMs),
    );
  }

  /**
   * Opens all connections.
   * @throws {IcapError} `ERR_ADAPT_UNAVAILABLE` when not every one could be opened
   */
  async open(): Promise<void> {
    const failures = (await Promise.all(this.#connections.map((connection) => connection.open()))).filter(
      (failure) => failure !== null,
    );
    if (failures.length === 0) return;
    this.close();
    const { host, port } = this.#options.endpoint;
    const all = this.#connections.length;
    const which = failures.length === all ? '' : `${failures.length} of ${all} connections: `;
    const text = `cannot connect to ${host}:${port}: ${which}${failures[0]!.text}`;
    throw new IcapError('ERR_ADAPT_UNAVAILABLE', text, { host, port });
  }

  /**
   * Runs a phase and resolves when all that began in it has ended.
   * @param signal  stops it at once; the report has what was measured until then
   */
  async run(plan: PhasePlan, signal: AbortSignal | null = null): Promise<LoadReport> {
    this.#phase = new Phase(this.#connections, this.#options.message, plan);
    return this.#phase.run(signal);
  }

  /** The phase that runs now or ran last: its counts and how far it is. */
  get phase(): Phase | null {
    return this.#phase;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

/**
 * Asks for the service's OPTIONS on a connection of its own.
 *
 * @param message  an OPTIONS request
 * @throws {IcapError} `ERR_ADAPT_UNAVAILABLE`, `ERR_ADAPT_TIMEOUT`, `ERR_ADAPT_PROTOCOL`; `ERR_ADAPT_STATUS`
 *         for an answer other than 200
 */
export async function askOptions(
  options: Omit<LoadOptions, 'connections' | 'expected'> & { readonly timeoutMs: number },
): Promise<IcapResponseHead> {
  const { endpoint, message, connectTimeoutMs, timeoutMs } = options;
  const { host, port } = endpoint;
  const connection = new LoadConnection(endpoint, ANY_STATUS, connectTimeoutMs);
  try {
    const refused = await connection.open();
    if (refused !== null) {
      const text = `cannot connect to ${host}:${port}: ${refused.text}`;
      throw new IcapError('ERR_ADAPT_UNAVAILABLE', text, { host, port });
    }
    const failure = await new Promise<{ kind: string; text: string } | null>((resolve) => {
      const limit = setTimeout(() => {
        connection.fail('timeout', `OPTIONS was not answered within ${timeoutMs / 1000} s`);
      }, timeoutMs);
      connection.start(message, 0, 0, (facts) => {
        clearTimeout(limit);
        resolve(facts.failure);
      });
    });
    if (failure === null) return requireOk(connection.lastHead!);
    if (failure.kind === 'timeout') throw new IcapError('ERR_ADAPT_TIMEOUT', failure.text, { host, port });
    if (failure.kind === 'closed') throw new IcapError('ERR_ADAPT_UNAVAILABLE', failure.text, { host, port });
    throw new IcapError('ERR_ADAPT_PROTOCOL', `OPTIONS: ${failure.text}`, { host, port });
  } finally {
    connection.close();
  }
}

function requireOk(head: IcapResponseHead): IcapResponseHead {
  if (head.status === 200) return head;
  const text = `OPTIONS was answered ${head.status} ${head.reason}`.trim();
  throw new IcapError('ERR_ADAPT_STATUS', text, { icapStatus: head.status });
}

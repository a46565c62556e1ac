// Load on a scripted server: what the tests of this folder share.

import type { LoadOptions } from '../../../src/icap/load/generator.ts';
import { LoadGenerator } from '../../../src/icap/load/generator.ts';
import { type LoadMessageOptions, loadMessage } from '../../../src/icap/load/message.ts';
import type { PhasePlan } from '../../../src/icap/load/phase.ts';
import type { LoadReport } from '../../../src/icap/load/tally.ts';

/** A RESPMOD without body that allows 204, changed as told. */
export function options(changes: Partial<LoadMessageOptions>): LoadMessageOptions {
  return {
    method: 'RESPMOD',
    target: { host: 'icap.test', port: 1344, secure: false, path: '/echo?x=1', user: '', password: '' },
    url: 'http://load.test/a',
    body: null,
    contentType: 'text/plain',
    preview: null,
    allow204: true,
    allow206: false,
    icapHeaders: [],
    httpHeaders: [],
    ...changes,
  };
}

/** A hundred thousand seconds: the number of requests ends the phase. */
export const PLAN: PhasePlan = { durationMs: 1e8, requests: 1, rate: null, timeoutMs: 10_000 };

/** Everything that one phase needs, with usual values. */
export interface RunOptions extends Partial<PhasePlan> {
  readonly message?: Partial<LoadMessageOptions>;
  readonly connections?: number;
  readonly expected?: Partial<LoadOptions['expected']>;
  readonly signal?: AbortSignal;
  readonly host?: string;
}

/** Runs one phase against a port of the loopback address and closes. */
export async function load(port: number, run: RunOptions = {}): Promise<LoadReport> {
  const { message, connections = 1, expected, signal, host = '127.0.0.1', ...plan } = run;
  const generator = new LoadGenerator({
    endpoint: { host, port, tls: null },
    message: loadMessage(options(message ?? {})),
    connections,
    expected: { statuses: null, sameBody: false, ...expected },
    connectTimeoutMs: 5000,
  });
  try {
    await generator.open();
    return await generator.run({ ...PLAN, ...plan }, signal ?? null);
  } finally {
    generator.close();
  }
}

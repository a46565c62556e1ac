// A server that a test plays byte by byte, and a probe connected to it. Errors of the script reach the
// test through `played`.

import { rawOrigin, type OriginOptions } from '../../support/originServer.ts';
import { rawClientOn, type RawClient } from '../../support/rawClient.ts';
import {
  type ExpectedResponse,
  parseIcapUrl,
  type ProbeOptions,
  type ProbeTarget,
  WireClient,
  type WireResponse,
} from '../../../src/icap/probe/wire-client.ts';

export const PROBE: ProbeOptions = { connectTimeoutMs: 5000, readTimeoutMs: 5000, maxBytes: 1024 * 1024 };

export interface RawServer extends AsyncDisposable {
  readonly port: number;
  readonly target: ProbeTarget;
  /** Resolves when the script of the first connection has ended; rejects as it does. */
  readonly played: Promise<void>;
  connect(options?: Partial<ProbeOptions>): Promise<WireClient>;
}

/** Runs `script` for each connection. */
export async function rawServer(
  script: (peer: RawClient) => Promise<void> | void,
  options: OriginOptions = {},
): Promise<RawServer> {
  let play: (result: Promise<void> | void) => void = () => {};
  const played = new Promise<void>((resolve) => (play = resolve));
  played.catch(() => {}); // looked at by tests that want to know
  const origin = await rawOrigin((socket) => {
    play(Promise.resolve(script(rawClientOn(socket))));
  }, options);
  const target = parseIcapUrl(`icap://127.0.0.1:${origin.port}/scan`);
  const clients: WireClient[] = [];
  return {
    port: origin.port,
    target,
    played,
    async connect(more = {}) {
      const client = await WireClient.connect(target, { ...PROBE, ...more });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await origin.close();
    },
  };
}

/** The response that a probe reads when a server sends exactly these bytes to a RESPMOD and then ends. */
export async function readingOf(
  bytes: string | Buffer,
  expect: Partial<ExpectedResponse> = {},
  options: Partial<ProbeOptions> = {},
): Promise<WireResponse> {
  await using server = await rawServer((peer) => {
    peer.send(bytes);
    peer.end();
  });
  const client = await server.connect(options);
  return await client.readResponse({ method: 'RESPMOD', ...expect });
}

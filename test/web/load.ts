// Many small transactions over a few connections, for what the console does under load.

import http from 'node:http';
import type { Stage } from './stage.ts';

const CONNECTIONS = 8;

/** Sends `count` requests through the proxy; resolves with how many were answered. */
export async function keepAliveLoad({ weir, plain }: Stage, count: number): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let answered = 0;
  const one = (number: number): Promise<void> =>
    new Promise((resolve) => {
      const request = http.get(
        {
          agent,
          host: '127.0.0.1',
          port: weir.proxyPort,
          path: `http://127.0.0.1:${plain.port}/load?${number}`,
        },
        (response) => {
          answered += 1;
          response.resume().once('close', resolve);
        },
      );
      request.once('error', () => resolve());
    });
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  agent.destroy();
  return answered;
}

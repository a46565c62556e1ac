// A hundred thousand malformed requests on fifty connections at a time, against a gateway in a process of its
// own: each is answered with an error and its connection closed, no handler is left, memory stays where it was.

import net from 'node:net';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { recordRequests } from '../icap/codec/record.ts';
import { damaged } from '../support/mutations.ts';
import { rawClient } from '../support/rawClient.ts';
import { connections, descriptors, eventually, residentMemory } from '../streams/weir-child.ts';
import { startWeirChild, type WeirChild } from '../streams/weir-child.ts';
import { requests } from './corpus.ts';

const REQUESTS = 100_000;
const WARM_UP = 20_000;
const AT_A_TIME = 50;
const VARIANTS = 2000;
const SEED = 20_260_105;
const ALLOWED_GROWTH = 48; // MiB
const MORE = 40_000; // requests of a round in which memory may prove that it has found its size
const MOST_ROUNDS = 3;
const LISTENING = '0A'; // state in /proc/net/tcp
const ANSWER = /^ICAP\/1\.0 (\d{3}) /gm;

const HEAD = 'HTTP/1.1 200 OK\r\n\r\n';
const CARRIES = `Encapsulated: res-hdr=0, res-body=${HEAD.length}\r\n\r\n${HEAD}5\r\nhello\r\n0\r\n\r\n`;
/** Well-framed and wrong: 404, 405, 418. The connection goes on behind them. */
const WRONG = [
  `RESPMOD icap://h/nope ICAP/1.0\r\nHost: h\r\n${CARRIES}`,
  `RESPMOD icap://h/info ICAP/1.0\r\nHost: h\r\n${CARRIES}`,
  'RESPMOD icap://h/sandblast ICAP/1.0\r\nHost: h\r\nEncapsulated: res-body=0\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'));

const EACH = WRONG.length + 1; // requests on a connection

/** Damaged requests that no parser accepts as they begin; most are answered 400, some 404, 405, 501 or 505. */
function malformedRequests(): Buffer[] {
  const isMalformed = (bytes: Buffer): boolean => {
    const { messages, error } = recordRequests([bytes]);
    return messages.length === 0 && error !== null;
  };
  const samples = fc.sample(damaged(requests), { seed: SEED, numRuns: VARIANTS * 4 });
  return samples.filter(isMalformed).slice(0, VARIANTS);
}

/** Sends bytes on a connection of their own; resolves with the statuses of the answers when it is closed. */
function attempt(port: number, from: number, bytes: Buffer): Promise<number[]> {
  return new Promise((resolve, reject) => {
    // An address for each of the fifty: no client port is used again while the gateway remembers it.
    const socket = net.connect({ host: '127.0.0.1', port, localAddress: `127.0.1.${from + 1}` });
    let received = '';
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    socket.on('end', () => {
      socket.resetAndDestroy();
      resolve([...received.matchAll(ANSWER)].map(([, status]) => Number(status)));
    });
    socket.on('error', reject);
  });
}

/** Sends so many requests, four on each connection, the damaged one last; how often each status came. */
async function flood(
  weir: WeirChild,
  variants: readonly Buffer[],
  count: number,
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let next = 0;
  const worker = async (_: unknown, from: number): Promise<void> => {
    while (next < count / EACH) {
      const number = next++;
      const bytes = Buffer.concat([...WRONG, variants[number % variants.length]!]);
      const answers = await attempt(weir.gatewayPort, from, bytes);
      if (answers.length !== EACH)
        throw new Error(`answers ${answers.join(' ')} to ${JSON.stringify(bytes.toString('latin1'))}`);
      for (const status of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return statuses;
}

const open = (weir: WeirChild): string[] =>
  connections(weir.pid).filter(
    (line) => line.startsWith(`${weir.gatewayPort} → `) && !line.endsWith(LISTENING),
  );

/** What the status page says of the gateway's own connections and handlers. */
async function atWork(weir: WeirChild): Promise<{ connections: number; busy: number }> {
  await using client = await rawClient(weir.gatewayPort);
  const page = 'GET http://a/ HTTP/1.1\r\nAccept: application/json\r\n\r\n';
  client.send(
    `REQMOD icap://h/info ICAP/1.0\r\nHost: h\r\nEncapsulated: req-hdr=0, null-body=${page.length}\r\n\r\n${page}`,
  );
  const text = (await client.until('0\r\n\r\n')).toString('latin1');
  const number = (name: string): number => Number(new RegExp(`"${name}": ?(\\d+)`).exec(text)?.[1]);
  return { connections: number('connections'), busy: number('busy') };
}

test('S-400 a hundred thousand malformed requests are refused, and nothing of them stays', async () => {
  const variants = malformedRequests();
  expect(variants).toHaveLength(VARIANTS);
  await using weir = await startWeirChild();
  await flood(weir, variants, WARM_UP);
  await eventually(() => open(weir).length === 0, 'the end of all connections');
  const before = { memory: residentMemory(weir.pid), descriptors: descriptors(weir.pid).length };

  const startedAt = performance.now();
  const statuses = await flood(weir, variants, REQUESTS - WARM_UP);
  const seconds = (performance.now() - startedAt) / 1000;

  expect([...statuses.keys()].sort()).toEqual([400, 404, 405, 418, 501, 505]);
  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(
    REQUESTS - WARM_UP,
  );
  await eventually(() => open(weir).length === 0, 'the end of all connections');
  expect(await atWork(weir)).toEqual({ connections: 1, busy: 1 }); // the one that asks
  let after = { memory: residentMemory(weir.pid), descriptors: descriptors(weir.pid).length };
  let growth = after.memory - before.memory;
  // Without a processor of its own the heap finds its size later; a leak would make it grow each time again.
  for (let round = 1; growth >= ALLOWED_GROWTH && round < MOST_ROUNDS; round++) {
    await flood(weir, variants, MORE);
    await eventually(() => open(weir).length === 0, 'the end of all connections');
    const now = { memory: residentMemory(weir.pid), descriptors: descriptors(weir.pid).length };
    growth = now.memory - after.memory;
    after = now;
  }
  if (process.env['WEIR_TEST_FIGURES'] !== undefined) {
    process.stderr.write(`flood: ${JSON.stringify({ seconds, before, after, statuses: [...statuses] })}\n`);
  }
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 3);
  expect(growth).toBeLessThan(ALLOWED_GROWTH);
}, 120_000);

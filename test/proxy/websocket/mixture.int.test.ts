// Messages of every size, in fragments and compressed or not, both ways at once: whatever the mixture, each
// arrives as it was sent and in its place. The numbers are drawn from a seed, so that a failure can be repeated.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';
import { connectPair, type End, webSocketOrigin, type WebSocketOrigin } from './ends.ts';

const EACH_WAY = 20;

let weir: LocalWeir;
let origins: WebSocketOrigin[];

beforeAll(async () => {
  weir = await startTestWeir({ adaptation: { webSocket: { maxMessage: '100KiB' } } });
  origins = await Promise.all([
    webSocketOrigin(true, { perMessageDeflate: { threshold: 0 } }),
    webSocketOrigin(true, {
      perMessageDeflate: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
    }),
  ]);
});
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
  for (const origin of origins ?? []) await origin[Symbol.asyncDispose]();
});

type Random = (below: number) => number;

function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return Math.floor((state / 0x8000_0000) * below);
  };
}

function messageOf(random: Random): Buffer {
  const data = Buffer.alloc([0, random(10), random(1000), random(70_000), random(300_000)][random(5)]!);
  const run = random(2) === 0 ? 1 : 50; // bytes that are alike: one does not compress, the other does
  for (let at = 0; at < data.length; at += run) data.fill(random(256), at, Math.min(at + run, data.length));
  return data;
}

/** Sends in one to five fragments, with pings in between. */
function send({ socket }: End, data: Buffer, random: Random): void {
  const compress = random(2) === 0;
  for (let left = 1 + random(3) * random(3), at = 0; left > 0; left--) {
    const end = left === 1 ? data.length : at + random(data.length - at + 1);
    socket.send(data.subarray(at, end), { compress, fin: left === 1, binary: true });
    if (random(10) === 0) socket.ping();
    at = end;
  }
}

test.each([
  [1, 'one context for all messages', 0],
  [2, 'one context for all messages', 0],
  [3, 'a context for each message', 1],
])('a mixture of messages arrives whole and in order (seed %i, %s)', async (seed, _name, index) => {
  const random = randomOf(seed);
  const { client, origin } = await connectPair(weir, origins[index]!, true, {
    perMessageDeflate: { threshold: 0 },
  });
  const sent: [Buffer[], Buffer[]] = [[], []];
  for (let number = 0; number < EACH_WAY; number++) {
    for (const [way, end] of [client, origin].entries()) {
      const data = messageOf(random);
      sent[way]!.push(data);
      send(end, data, random);
    }
  }
  const received = await Promise.all([origin.received(EACH_WAY), client.received(EACH_WAY)]);
  received.forEach((messages, way) => {
    expect(messages.findIndex(({ data }, number) => !data.equals(sent[way]![number]!))).toBe(-1);
  });
  client.socket.close(1000, 'done');
  expect(await origin.closed).toEqual({ code: 1000, reason: 'done' });
  expect(await client.closed).toEqual({ code: 1000, reason: 'done' });
});

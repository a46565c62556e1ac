// The open loop: exchanges are due at a rate, and latency counts from when one was due. The bounds below
// are least waits that follow from the arithmetic, however slow the machine is.

import { expect, test } from '@jest/globals';
import { NO_CONTENT, scriptedIcap } from '../client/scripted-icap.ts';
import { load } from './load-lab.ts';

const STALL_MS = 400;

/** Answers at once, except the first request. */
const stalling = () =>
  scriptedIcap((peer, _request, index) => {
    if (index > 0) peer.send(NO_CONTENT);
    else setTimeout(() => peer.send(NO_CONTENT), STALL_MS);
  });

test('a stall shows in every exchange that it delayed, though only one was under way', async () => {
  await using server = await stalling();
  // 40 exchanges are due within the stall: number n waits STALL − 10·n ms at least.
  const report = await load(server.port, { requests: 40, rate: 100 });
  expect(report).toMatchObject({ ending: 'requests', exchanges: 40, failed: 0, unsent: 0 });
  const { p50, p90, max } = report.latencyMs!;
  expect(max).toBeGreaterThanOrEqual(STALL_MS * 0.999);
  expect(p90).toBeGreaterThanOrEqual(340);
  expect(p50).toBeGreaterThanOrEqual(180);
});

test('the same stall is one slow exchange in a closed loop', async () => {
  await using server = await stalling();
  const { latencyMs } = await load(server.port, { requests: 40 });
  expect(latencyMs!.max).toBeGreaterThanOrEqual(STALL_MS * 0.999);
  expect(latencyMs!.p90).toBeLessThan(latencyMs!.max / 2);
});

test('exchanges begin no earlier than they are due', async () => {
  const arrivals: number[] = [];
  await using server = await scriptedIcap((peer) => {
    arrivals.push(performance.now());
    peer.send(NO_CONTENT);
  });
  const report = await load(server.port, { requests: 11, rate: 100, connections: 4 });
  expect(report.exchanges).toBe(11);
  expect(report.seconds).toBeGreaterThanOrEqual(0.1);
  expect(arrivals.at(-1)! - arrivals[0]!).toBeGreaterThanOrEqual(90);
});

test('what was due and never began is counted, and its wait is in the latencies', async () => {
  // One connection, an answer to the first request only after the phase has ended.
  await using server = await scriptedIcap((peer) => void setTimeout(() => peer.send(NO_CONTENT), 600));
  const report = await load(server.port, { requests: null, durationMs: 500, rate: 100 });
  expect(report).toMatchObject({ ending: 'duration', exchanges: 1, failed: 0 });
  expect(report.unsent).toBeGreaterThanOrEqual(48);
  // Due at 10, 20, … 490 ms and not begun at 500: half of them waited 240 ms and longer.
  expect(report.latencyMs!.p50).toBeGreaterThanOrEqual(230);
});

test('a rate that the server keeps up with leaves nothing unsent', async () => {
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT));
  const report = await load(server.port, { requests: null, durationMs: 300, rate: 50, connections: 8 });
  expect(report).toMatchObject({ failed: 0, unsent: 0 });
  // Due at 0, 20, … 280 ms, and at 300 if the last timer was late.
  expect([15, 16]).toContain(report.exchanges);
});

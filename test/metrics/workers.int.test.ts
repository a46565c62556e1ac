// Figures of the gateway's worker processes: added up, and kept when a process ends or is killed.

import { expect, test } from '@jest/globals';
import { request, startPool } from '../gateway/workers/lab.ts';
import { Exposition } from '../support/exposition.ts';
import { originServer } from '../support/originServer.ts';
import { rawClient } from '../support/rawClient.ts';
import { startTestWeir } from '../support/weir.ts';
import { MetricSheet } from '../../src/metrics/exposition.ts';
import type { WorkerMetrics } from '../../src/gateway/workers/messages.ts';

async function exposed({ meters }: WorkerMetrics): Promise<Exposition> {
  const sheet = new MetricSheet();
  sheet.putAll(meters);
  return new Exposition(await sheet.text());
}

test('what workers count is added up, and outlives them', async () => {
  await using lab = await startPool({ workers: { min: 2, max: 2, minSpare: 0 } });
  const { supervisor } = lab;
  const judge = async (name: string): Promise<void> => {
    await using client = await lab.connect();
    const held = await lab.hold(client, name);
    held.release();
    await client.take('ICAP/1.0 204');
    client.send(request('echo'));
    await client.take(/ICAP\/1\.0 20[04]/);
  };
  const [one, other] = [await lab.connect(), await lab.connect()]; // one at each process
  const heldOne = await lab.hold(one, 'a');
  const heldOther = await lab.hold(other, 'b');
  expect(heldOne.pid).not.toBe(heldOther.pid);
  heldOne.release();
  heldOther.release();
  await one.take('ICAP/1.0 204');
  await other.take('ICAP/1.0 204');
  one.send('NONSENSE\r\n\r\n');
  await one.take('ICAP/1.0 400');
  const expected = { '/slow REQMOD 204': 2 };
  const first = await supervisor.metrics();
  const before = await exposed(first);
  expect(before.rows('weir_gateway_requests_total')).toEqual(expected);
  expect(before.rows('weir_blade_verdicts_total')).toEqual({ 'gate allow': 2 });
  expect(before.rows('weir_gateway_errors_total')).toEqual({ ERR_ICAP_START_LINE: 1 });
  expect(first.figures.cpuSeconds).toBeGreaterThan(0);
  expect(first.figures.lag.every((seconds) => seconds >= 0)).toBe(true);

  process.kill(heldOne.pid, 'SIGKILL');
  await lab.state(({ lost }) => lost === 1);
  expect((await exposed(await supervisor.metrics())).rows('weir_gateway_requests_total')).toEqual(expected);
  await judge('c');
  const after = await exposed(await supervisor.metrics());
  expect(after.sum('weir_gateway_requests_total', { service: '/slow' })).toBe(3);
  expect(after.sum('weir_gateway_request_seconds_count', { service: '/slow' })).toBe(3);
  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();

  await supervisor.stop(5000); // each says its last word
  const end = await supervisor.metrics();
  expect((await exposed(end)).sum('weir_gateway_requests_total', { service: '/slow' })).toBe(3);
  expect(end.figures.cpuSeconds).toBeGreaterThanOrEqual(first.figures.cpuSeconds);
});

test('/metrics has what the proxy asked for and what came to the workers in one sum', async () => {
  await using origin = await originServer((_, response) => response.end('hello'));
  const workers = { min: 1, max: 1, minSpare: 0, maxSpare: 1, perProcess: 10 };
  await using weir = await startTestWeir({ gateway: { workers } });
  await weir.curl(`${origin.url}/`); // both its messages are judged in this process
  await using icap = await rawClient(weir.gatewayPort);
  icap.send(request('sandblast'));
  await icap.take('ICAP/1.0 204');
  await weir.logged(({ kind }) => kind === 'gateway', 3);
  const metrics = new Exposition(await weir.weir.metrics!.text());
  expect(metrics.rows('weir_gateway_requests_total')).toEqual({
    '/sandblast REQMOD 204': 2,
    '/sandblast RESPMOD 204': 1,
  });
  expect(metrics.rows('weir_gateway_workers')).toEqual({ serving: 1 });
  expect(metrics.rows('weir_gateway_connections')).toEqual({ '': 1 });
  expect(metrics.sum('weir_gateway_workers_started_total')).toBe(1);
  expect(metrics.sum('weir_gateway_workers_memory_bytes')).toBeGreaterThan(1e6);
  expect(metrics.samples('weir_event_loop_lag_seconds', { process: 'worker' })).toHaveLength(3);
});

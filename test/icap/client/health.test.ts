// The states of a service, over real connections to a server that a test breaks and mends.

import { expect, test } from '@jest/globals';
import type { HealthStatus, ServiceState } from '../../../src/icap/client/health.ts';
import { NO_CONTENT, optionsAnswer, respmod, scriptedIcap } from './scripted-icap.ts';

const TEXT = Buffer.from('a page of some length');
const UNAVAILABLE = 'ICAP/1.0 404 ICAP Service Not Found\r\nEncapsulated: null-body=0\r\n\r\n';

/** Collects changes of state and waits for one. */
function watchHealth() {
  const changes: HealthStatus[] = [];
  let wake: () => void = () => {};
  return {
    changes,
    onHealth: (status: HealthStatus): void => {
      changes.push(status);
      wake();
    },
    async until(state: ServiceState): Promise<HealthStatus> {
      for (;;) {
        const last = changes.at(-1);
        if (last?.state === state) return last;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

test('K-03 a service whose OPTIONS fails is down, with cause, next try and remedy, and is up again within a second of its return', async () => {
  let answer = UNAVAILABLE;
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT), { options: () => answer });
  const health = watchHealth();
  const client = server.client({ onHealth: health.onHealth });
  expect(client.status()).toMatchObject({ state: 'probing', cause: null });
  await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_STATUS' });
  const down = await health.until('down');
  expect(down).toMatchObject({
    cause: { code: 'ERR_ADAPT_STATUS', message: expect.stringContaining('404'), remedy: expect.any(String) },
  });
  expect(client.status().nextTryAt! - Date.now()).toBeLessThan(1000);
  expect(client.available).toBe(false);
  answer = optionsAnswer();
  const up = await health.until('up'); // nobody asked for it: the probe found out
  expect(up.cause).toBeNull();
  expect(up.since - down.since).toBeLessThan(3000);
  expect((await client.adapt(respmod(TEXT))).icapStatus).toBe(204);
});

test('while a service is down its messages fail at once, without a connection', async () => {
  await using server = await scriptedIcap(() => {}, { options: () => UNAVAILABLE });
  const client = server.client();
  await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_STATUS' });
  const before = server.optionsRequests();
  const failures = await Promise.allSettled(Array.from({ length: 100 }, () => client.adapt(respmod(TEXT))));
  expect(failures.every(({ status }) => status === 'rejected')).toBe(true);
  expect(server.optionsRequests()).toBe(before);
});

test('K-63 messages that fail in a row suspend the service; OPTIONS that works puts it on trial', async () => {
  let broken = true;
  await using server = await scriptedIcap((peer) => {
    if (broken) peer.socket.destroy();
    else peer.send(NO_CONTENT);
  });
  const health = watchHealth();
  const client = server.client({ onHealth: health.onHealth, failureLimit: 3 });
  for (let i = 0; i < 3; i++) {
    expect(client.available).toBe(true);
    await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
  }
  expect(health.changes.map(({ state }) => state)).toEqual(['up', 'suspended']);
  expect(client.status()).toMatchObject({ state: 'suspended', failures: 3 });
  await health.until('up');
  // Still broken: one failure on trial is enough.
  await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_UNAVAILABLE' });
  expect(client.status().state).toBe('suspended');
  broken = false;
  await health.until('up');
  await client.adapt(respmod(TEXT));
  expect(client.status()).toMatchObject({ state: 'up', failures: 0, cause: null });
});

test('a 4xx answer judges the message, not the service', async () => {
  await using server = await scriptedIcap((peer) =>
    peer.send('ICAP/1.0 418 Bad Composition\r\nEncapsulated: null-body=0\r\n\r\n'),
  );
  const client = server.client({ failureLimit: 2 });
  for (let i = 0; i < 5; i++) {
    await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ fields: { icapStatus: 418 } });
  }
  expect(client.status().state).toBe('up');
});

test('a reused connection that the server had closed is no failure of the service (K-20)', async () => {
  await using server = await scriptedIcap((peer) => {
    peer.send(NO_CONTENT);
    peer.socket.end();
  });
  const client = server.client({ failureLimit: 1 });
  for (let i = 0; i < 5; i++) expect((await client.adapt(respmod(TEXT))).icapStatus).toBe(204);
  expect(client.status()).toMatchObject({ state: 'up', failures: 0 });
});

test('a message that may not wait fails at once when all connections are busy', async () => {
  let answer: () => void = () => {};
  const busy = new Promise<void>((resolve) => (answer = resolve));
  let started: () => void = () => {};
  const first = new Promise<void>((resolve) => (started = resolve));
  await using server = await scriptedIcap(async (peer) => {
    started();
    await busy;
    peer.send(NO_CONTENT);
  });
  const client = server.client({ maxConnections: 1, waits: false });
  const holder = client.adapt(respmod(TEXT));
  await first;
  expect(client.status().connections).toEqual({ open: 1, idle: 0, waiting: 0, max: 1 });
  await expect(client.adapt(respmod(TEXT))).rejects.toMatchObject({ code: 'ERR_ADAPT_BUSY' });
  answer();
  await holder;
  expect(client.status().state).toBe('up'); // being busy is no failure
});

test('the status names the service without its password', async () => {
  await using server = await scriptedIcap((peer) => peer.send(NO_CONTENT));
  const client = server.client({ user: 'weir', password: 'secret' });
  await client.adapt(respmod(TEXT));
  expect(client.status()).toMatchObject({
    name: 'scripted',
    url: `icap://127.0.0.1:${server.port}/scan`,
    options: { istag: 't1' },
  });
  expect(JSON.stringify(client.status())).not.toContain('secret');
});

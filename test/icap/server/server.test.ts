// Who may connect, how many, and how the server stops.

import { describe, expect, test } from '@jest/globals';
import { isAllowed, networks } from '../../../src/util/networks.ts';
import type { IcapOutcome } from '../../../src/icap/service.ts';
import type { LabClient } from './lab.ts';
import { startLab, turnsUntil, UNMODIFIED } from './lab.ts';
import { probe } from './play.ts';

const OPTIONS = 'OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\n\r\n';
const REQMOD =
  'REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: req-hdr=0, null-body=45\r\n\r\nGET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';
const CLOSING = expect.arrayContaining(['connection: close', 'encapsulated: null-body=0']);

/** Until a service has been entered `count` times. */
function counter(): { readonly entered: () => number; handle(): Promise<IcapOutcome>; release(): void } {
  let entered = 0;
  const waiting: (() => void)[] = [];
  return {
    entered: () => entered,
    handle() {
      entered++;
      return new Promise((resolve) => waiting.push(() => resolve(UNMODIFIED)));
    },
    release: () => waiting.splice(0).forEach((go) => go()),
  };
}

describe('allow list', () => {
  test('S-403 answers a peer that is not allowed once its request is there, and closes', async () => {
    await using lab = await startLab({ '/s': { methods: ['REQMOD'] } }, { allow: ['192.0.2.0/24'] });
    await using client = await lab.connect();
    await client.deliver(OPTIONS.slice(0, 20));
    expect(client.raw.received()).toHaveLength(0); // S-17: nothing before the request
    await client.deliver(OPTIONS.slice(20));
    expect(await client.answer()).toMatchObject({ status: 403, fields: CLOSING });
    expect(await client.closed()).toHaveLength(0);
    expect(lab.refused).toMatchObject([{ code: 'ERR_ICAP_FORBIDDEN' }]);
    expect(lab.reports).toEqual([]);
  });

  test('S-403 closes a peer that is not allowed and does not stop talking', async () => {
    await using lab = await startLab({ '/s': { methods: ['REQMOD'] } }, { allow: ['192.0.2.0/24'] });
    await using client = await lab.connect();
    const drip = setInterval(() => client.raw.send('x'), 50);
    expect(await client.closed()).toHaveLength(0);
    clearInterval(drip);
  });

  test.each(['127.0.0.1', '127.0.0.0/8', '::1'])(
    'serves loopback clients when %s and 127.0.0.1 are allowed',
    async (entry) => {
      await using lab = await startLab({ '/s': { methods: ['REQMOD'] } }, { allow: [entry, '127.0.0.1'] });
      await using client = await lab.connect();
      await probe(client, '/s');
    },
  );

  test.each([
    ['192.0.2.7', true],
    ['192.0.3.7', false],
    ['::ffff:192.0.2.7', true],
    ['::ffff:192.0.3.7', false],
    ['2001:db8::5', true],
    ['2001:db9::5', false],
    ['198.51.100.1', true],
    ['198.51.100.2', false],
  ])('%s is allowed: %s', (address, expected) => {
    const list = networks(['192.0.2.0/24', '2001:db8::/32', '198.51.100.1']);
    expect(isAllowed(list, address)).toBe(expected);
  });

  test.each(['', 'localhost', '192.0.2.0/33', '192.0.2.0/x', '::/129'])(
    'refuses "%s" as a network',
    (entry) => {
      expect(() => networks([entry])).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_VALUE' }));
    },
  );
});

describe('limits', () => {
  test('S-503 S-14 S-17 a service at its limit answers 503 and closes, while OPTIONS and others are served', async () => {
    const busy = counter();
    await using lab = await startLab({
      '/s': { methods: ['REQMOD'], handle: busy.handle, description: { maxConnections: 1 } },
      '/other': { methods: ['REQMOD'] },
    });
    await using first = await lab.connect();
    await first.deliver(REQMOD);
    await turnsUntil(() => busy.entered() === 1, 'the service to be busy');

    await using second = await lab.connect();
    await second.deliver(OPTIONS);
    expect(await second.answer()).toMatchObject({
      status: 200,
      fields: expect.arrayContaining(['max-connections: 1']),
    });
    await second.deliver(REQMOD.replace('/s ', '/other '));
    expect(await second.answer()).toMatchObject({ status: 204 });
    await second.deliver(REQMOD);
    expect(await second.answer()).toMatchObject({ status: 503, fields: CLOSING });
    expect(await second.closed()).toHaveLength(0);

    busy.release();
    expect(await first.answer()).toMatchObject({ status: 204 });
    await using third = await lab.connect();
    await third.deliver(REQMOD);
    await turnsUntil(() => busy.entered() === 2, 'the service to be busy again');
    busy.release();
    expect(await third.answer()).toMatchObject({ status: 204 });
  });

  test('S-17 connections above the limit get 503 for their first request and are closed', async () => {
    await using lab = await startLab({ '/s': { methods: ['REQMOD'] } }, { limits: { connections: 1 } });
    const first = await lab.connect();
    await first.deliver(OPTIONS);
    expect(await first.answer()).toMatchObject({ status: 200 });
    await using second = await lab.connect();
    await second.deliver(OPTIONS.slice(0, -2));
    expect(second.raw.received()).toHaveLength(0);
    await second.deliver(OPTIONS.slice(-2) + REQMOD);
    expect(await second.answer()).toMatchObject({ status: 503, fields: CLOSING });
    expect(await second.closed()).toHaveLength(0);
    await first[Symbol.asyncDispose]();
    await turnsUntil(() => lab.server.connections === 0, 'room for another');
    await using third = await lab.connect();
    await probe(third, '/s');
  });

  test('1,000 idle connections are kept, all of them are served, and all are let go', async () => {
    const count = 1000;
    await using lab = await startLab({ '/s': { methods: ['REQMOD'] } }, { limits: { connections: count } });
    const clients: LabClient[] = [];
    while (clients.length < count) {
      clients.push(...(await Promise.all(Array.from({ length: 100 }, () => lab.connect()))));
    }
    await turnsUntil(() => lab.server.connections === count, 'all to be connected');
    for (const client of clients) client.raw.send(REQMOD);
    for (const client of clients) expect(await client.answer()).toMatchObject({ status: 204 });
    expect(lab.server.connections).toBe(count);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    await turnsUntil(() => lab.server.connections === 0, 'all to be gone');
  });
});

describe('stopping', () => {
  test('lets the exchange under way finish, closes the idle, and accepts nobody any more', async () => {
    const busy = counter();
    const lab = await startLab({ '/s': { methods: ['REQMOD'], handle: busy.handle } });
    await using idle = await lab.connect();
    await using working = await lab.connect();
    await working.deliver(REQMOD);
    await turnsUntil(() => busy.entered() === 1, 'the service to be busy');
    const closed = lab.server.close(5000);
    expect(await idle.closed()).toHaveLength(0);
    await expect(lab.connect()).rejects.toThrow();
    busy.release();
    expect(await working.answer()).toMatchObject({
      status: 204,
      fields: expect.arrayContaining(['connection: close']),
    });
    expect(await working.closed()).toHaveLength(0);
    working.raw.end();
    idle.raw.end();
    await closed;
    await turnsUntil(() => lab.server.connections === 0, 'all to be gone');
    await lab[Symbol.asyncDispose]();
  });

  test('cuts what is not finished in time', async () => {
    const busy = counter();
    const lab = await startLab({ '/s': { methods: ['REQMOD'], handle: busy.handle } });
    await using working = await lab.connect();
    await working.deliver(REQMOD);
    await turnsUntil(() => busy.entered() === 1, 'the service to be busy');
    await lab.server.close(0);
    expect(await working.closed()).toHaveLength(0);
    await lab[Symbol.asyncDispose]();
  });
});

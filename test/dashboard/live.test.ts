// The parts of the live feed alone: what is kept, what a filter means, what a slow viewer gets, the time line.

import { EventEmitter } from 'node:events';
import { describe, expect, jest, test } from '@jest/globals';
import type { WebSocket } from 'ws';
import type { TransactionSummary } from '../../src/dashboard/api/types.ts';
import { Activity } from '../../src/dashboard/live/activity.ts';
import { filterOf, filterOfQuery, matcherOf } from '../../src/dashboard/live/filter.ts';
import { CAPACITY, RecentTransactions } from '../../src/dashboard/live/recent.ts';
import { hostOf, proxySummary } from '../../src/dashboard/live/summary.ts';
import { quantile, TimeLine } from '../../src/dashboard/live/time-line.ts';
import { MAX_ITEMS, Viewer } from '../../src/dashboard/live/viewer.ts';
import { Sessions } from '../../src/dashboard/sessions.ts';
import { TokenAttempts } from '../../src/dashboard/token-attempts.ts';
import { Meters } from '../../src/metrics/meters.ts';
import type { GatewayRecord, ProxyRecord } from '../../src/telemetry/records.ts';

const RECORD: ProxyRecord = {
  ...{ id: 'W-1KYSNCG0GCA5N', client: '192.0.2.1', user: 'ada', method: 'GET', incident: null, ms: 1.2345 },
  ...{ url: 'https://me:secret@www.example.com/path?q=1', status: 200, bytesIn: 0, bytesOut: 7 },
  tls: { version: 'TLSv1.3', sni: 'www.example.com', alpn: null, action: 'bump' },
  ...{ adaptation: [], verdict: 'allowed', threat: null },
};

const GATEWAY_RECORD: GatewayRecord = {
  ...{
    id: 'W-1KYSNCG0GCA5P',
    icapClient: '192.0.2.2',
    service: '/sandblast',
    method: 'RESPMOD',
    icapStatus: 204,
  },
  ...{
    clientIp: null,
    serverIp: null,
    user: null,
    url: 'http://www.test/',
    verdict: 'allowed',
    threat: null,
  },
  ...{ blades: [{ name: 'antivirus', verdict: 'allowed', ms: 1 }], bytes: 7, ms: 2 },
};

function summary(change: Partial<ProxyRecord> = {}): TransactionSummary {
  return proxySummary({ ...RECORD, ...change }, 0);
}

describe('a row', () => {
  test('holds no password of a URL, and no more than a part of a long one', () => {
    expect(summary().url).toBe('https://[redacted]@www.example.com/path?q=1');
    expect(summary().host).toBe('www.example.com');
    const long = summary({ url: `https://a.test/${'x'.repeat(60_000)}` });
    expect(long.url.length).toBeLessThan(2100);
    expect(
      summary({ threat: { name: 'x'.repeat(9999), blade: null, severity: null } }).threat!.length,
    ).toBeLessThan(300);
  });

  test.each([
    ['http://[::1]:80/a', '::1'],
    ['example.com:443', 'example.com'],
    ['https://A.Example/', 'a.example'],
    ['', ''],
  ])('has the host of %p', (url, host) => {
    expect(hostOf(url)).toBe(host);
  });
});

describe('a filter', () => {
  test.each([
    [{ host: 'example.com' }, true],
    [{ host: '*.example.com' }, true],
    [{ host: 'ample.com' }, false],
    [{ q: 'PATH' }, true],
    [{ q: 'secret' }, false],
    [{ status: '2xx', method: 'get' }, true],
    [{ status: '20' }, false],
    [{ user: 'ada', client: '192.0.2.1' }, true],
    [{ verdict: ['blocked', 'error'] }, false],
    [{ verdict: ['nonsense'] }, true],
    [{ service: 'scan' }, false],
    ['nonsense', true],
    [{ q: 5, host: {} }, true],
  ])('%j fits: %p', (given, fits) => {
    expect(matcherOf(filterOf(given))?.(summary()) ?? true).toBe(fits);
  });

  test('of a query reads several verdicts', () => {
    const query = new URLSearchParams('verdict=blocked,error&verdict=modified&q=');
    expect(filterOfQuery(query)).toEqual({ verdict: ['blocked', 'error', 'modified'] });
  });
});

describe('what is kept', () => {
  test('is the last ones, page by page, also when older ones go', () => {
    const recent = new RecentTransactions();
    for (let count = 0; count < CAPACITY + 5; count++) recent.add(summary({ status: count }));
    expect(recent.size).toBe(CAPACITY);
    const first = recent.page(null, 2, null);
    expect(first.items.map(({ status }) => status)).toEqual([CAPACITY + 4, CAPACITY + 3]);
    const second = recent.page(null, CAPACITY, first.next);
    expect(second.items).toHaveLength(CAPACITY - 2);
    expect(second.items.at(-1)!.status).toBe(5);
    expect(second.next).toBeNull();
    expect(recent.page(null, 1, 'nonsense').items[0]!.status).toBe(CAPACITY + 4);
  });

  test('under load is a part of the uneventful ones, and all of the others', () => {
    const recent = new RecentTransactions();
    let taken = 0;
    for (let count = 0; count < 1000; count++) if (recent.wants('allowed')) taken++;
    expect(taken).toBeGreaterThanOrEqual(50);
    expect(recent.forgotten).toBe(1000 - taken);
    expect(recent.forgotten).toBeGreaterThan(0);
    for (let count = 0; count < 1000; count++) expect(recent.wants('blocked')).toBe(true);
  });
});

/** What a viewer needs of a socket; `bufferedAmount` is what the other side has not taken. */
class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = 1;
  bufferedAmount = 0;
  readonly sent: { items: unknown[]; skipped: number; total: number }[] = [];
  send(text: string): void {
    this.sent.push(JSON.parse(text) as never);
  }
}

describe('a viewer', () => {
  const watching = () => {
    const socket = new FakeSocket();
    return { socket, viewer: new Viewer(socket as unknown as WebSocket) };
  };

  test('gets at most a batch, and how many were left out; their rows are not even made', () => {
    const { socket, viewer } = watching();
    const make = jest.fn(() => summary());
    for (let count = 0; count < MAX_ITEMS + 50; count++) viewer.offer('allowed', make);
    viewer.flush();
    expect(socket.sent[0]).toMatchObject({ skipped: 50, total: MAX_ITEMS + 50 });
    expect(socket.sent[0]!.items).toHaveLength(MAX_ITEMS);
    expect(make).toHaveBeenCalledTimes(MAX_ITEMS);
    viewer.flush();
    expect(socket.sent).toHaveLength(1);
  });

  test('that wants certain verdicts needs no row of another, and counts what it wants alone', () => {
    const { socket, viewer } = watching();
    const filter = { verdict: ['blocked'] };
    socket.emit('message', Buffer.from(JSON.stringify({ type: 'subscribe', filter })), false);
    expect([viewer.wants('allowed'), viewer.wants('blocked')]).toEqual([false, true]);
    const never = jest.fn(() => summary());
    viewer.offer('allowed', never);
    viewer.leaveOut('allowed');
    for (let count = 0; count <= MAX_ITEMS; count++) {
      if (viewer.wants('blocked')) viewer.offer('blocked', () => summary({ verdict: 'blocked' }));
      else viewer.leaveOut('blocked');
    }
    viewer.flush();
    expect(never).not.toHaveBeenCalled();
    expect(socket.sent[0]).toMatchObject({ skipped: 1, total: MAX_ITEMS + 3 });
  });

  test('that takes nothing is sent nothing, and nothing is queued for it', () => {
    const { socket, viewer } = watching();
    socket.bufferedAmount = 2 * 1024 * 1024;
    for (let count = 0; count < 10_000; count++) {
      viewer.offer('allowed', () => summary());
      viewer.flush();
    }
    expect(socket.sent).toHaveLength(0);
    socket.bufferedAmount = 0;
    viewer.flush();
    expect(socket.sent).toMatchObject([{ skipped: 10_000 - MAX_ITEMS, total: 10_000 }]);
  });
});

test('beyond what a viewer and the list take, a record need not be made, and is counted', () => {
  const activity = new Activity();
  const socket = new FakeSocket();
  activity.watch(socket as unknown as WebSocket);
  expect(activity.leavesOut('gateway', 'blocked', true)).toBe(true); // told by the proxy
  let left = 0;
  for (let count = 0; count < 1000; count++) {
    if (activity.leavesOut('gateway', 'allowed', false)) left++;
    else activity.gateway(GATEWAY_RECORD);
  }
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(1000 - MAX_ITEMS);
  expect(activity.leavesOut('gateway', 'blocked', false)).toBe(false);
  expect(activity.recent.forgotten).toBeGreaterThanOrEqual(left);
  socket.emit('close');
});

test('lines of a worker’s log are rows too, as far as they are records', () => {
  const activity = new Activity();
  const record = { kind: 'gateway', ...GATEWAY_RECORD };
  activity.lines(`${JSON.stringify(record)}\n{"kind":"gateway","verdict":"allowed","ur\n{"msg":"x"}\n`);
  activity.gateway({ ...GATEWAY_RECORD, icapClient: 'in-process' }); // told by the proxy
  expect(activity.recent.newest()).toMatchObject([
    { kind: 'gateway', status: 204, host: 'www.test', services: [{ name: 'antivirus' }] },
  ]);
});

describe('the time line', () => {
  test('puts what was counted into the minute in which it was, without gaps', () => {
    let now = Date.UTC(2026, 0, 1, 12, 0, 30);
    const meters = new Meters();
    const count = (verdict: ProxyRecord['verdict']) =>
      meters.transaction({ verdict, bytesIn: 1, bytesOut: 2, ms: 20 });
    count('allowed');
    const line = new TimeLine(
      () => meters.snapshot(),
      () => now,
    );
    line.reply(1);
    now += 60_000;
    line.reply(1);
    count('blocked');
    meters.message('respmod', { state: 'not-scanned', reason: 'size' });
    now += 120_000;
    const { buckets, totals, bucketMs } = line.reply(4);
    line.close();
    expect(bucketMs).toBe(60_000);
    expect(buckets.map(({ at }) => at.slice(11, 16))).toEqual(['12:00', '12:01', '12:02', '12:03']);
    expect(buckets.map(({ blocked }) => blocked)).toEqual([0, 1, 0, 0]);
    expect(buckets[1]).toMatchObject({ notScanned: { size: 1 }, bytesOut: 2, latencyMs: { p50: 25 } });
    expect(totals.blocked).toBe(1);
    expect(line.counts()).toMatchObject({ transactions: 2, allowed: 1, blocked: 1, bytesIn: 2 });
  });

  test('a quantile is the upper bound of its bucket', () => {
    expect(quantile([0, 0, 0], 0.5)).toBeNull();
    expect(quantile([90, 0, 0, 10], 0.5)).toBe(0.5);
    expect(quantile([90, 0, 0, 10], 0.95)).toBe(5);
  });
});

test('a session ends after thirty days, with another token, and on another port', () => {
  let now = 1_700_000_000_000;
  const clock = () => now;
  const sessions = new Sessions('token', 8090, clock);
  const cookie = sessions.open().split(';', 1)[0];
  expect(sessions.holds(cookie)).toBe(true);
  expect(new Sessions('token', 8090, clock).holds(cookie)).toBe(true); // after a restart
  expect(new Sessions('other', 8090, clock).holds(cookie)).toBe(false);
  expect(new Sessions('token', 8091, clock).holds(cookie)).toBe(false);
  expect(sessions.holds(undefined)).toBe(false);
  now += 30 * 24 * 3_600_000;
  expect(sessions.holds(cookie)).toBe(false);
});

test('wrong tokens of one address do not count for another, and not for ever', () => {
  let now = 0;
  const attempts = new TokenAttempts(() => now);
  for (let count = 0; count < 20; count++) attempts.wrong('192.0.2.1');
  expect(attempts.isBlocked('192.0.2.1')).toBe(true);
  expect(attempts.isBlocked('192.0.2.2')).toBe(false);
  now += 60_000;
  expect(attempts.isBlocked('192.0.2.1')).toBe(false);
});

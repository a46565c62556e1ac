// What /metrics says after real traffic: every outcome that a message can have, counted once, and the same sums
// as in the log.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NO_CONTENT, scriptedIcap, type ScriptedIcap } from '../icap/client/scripted-icap.ts';
import { eicar } from '../support/eicar.ts';
import { Exposition } from '../support/exposition.ts';
import { type Origin, originServer } from '../support/originServer.ts';
import { connectThrough, openTunnel, rawClientOn, rawExchange } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import { testCa } from '../support/testCa.ts';
import { type LocalWeir, type LogRecord, startTestWeir } from '../support/weir.ts';

const EDITED =
  'ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=38\r\n\r\n' +
  'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n6\r\nedited\r\n0\r\n\r\n';
const FAILED = 'ICAP/1.0 500 Server Error\r\nISTag: "t1"\r\nEncapsulated: null-body=0\r\n\r\n';

async function scrape({ weir }: LocalWeir): Promise<Exposition> {
  return new Exposition(await weir.metrics!.text());
}

/** How many of the log there are of each value. */
function countBy(records: readonly LogRecord[], key: (record: LogRecord) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const record of records) counts[key(record)] = (counts[key(record)] ?? 0) + 1;
  return counts;
}

describe('after one message of each kind', () => {
  const opened: AsyncDisposable[] = [];
  let weir: LocalWeir;
  let records: LogRecord[];
  let metrics: Exposition;

  const kept = <T extends AsyncDisposable>(it: T): T => {
    opened.push(it);
    return it;
  };
  const icap = async (script: Parameters<typeof scriptedIcap>[0]): Promise<ScriptedIcap> =>
    kept(await scriptedIcap(script));

  beforeAll(async () => {
    const origin = kept(
      await originServer((request, response) => {
        if (request.url === '/image') response.setHeader('Content-Type', 'image/png');
        if (request.url === '/large') response.setHeader('Content-Length', 5000);
        response.end(
          request.url === '/large' ? Buffer.alloc(5000) : request.url === '/eicar' ? eicar() : 'hello',
        );
      }),
    );
    const secure = kept(await originServer((_, response) => response.end('hello'), { tls: true }));
    weir = kept(await labWeir());
    await plainRequests(origin);
    await tunnels(secure, origin);
    records = await weir.logged(({ kind }) => kind === 'proxy', 19);
    metrics = await scrape(weir);
  });
  afterAll(async () => {
    for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
  });

  async function labWeir(): Promise<LocalWeir> {
    const live = await icap((peer) => peer.send(NO_CONTENT));
    const editor = await icap((peer) => peer.send(EDITED));
    const silent = await icap(() => {});
    // Fails once, then serves; the connection that it has served on is dead when it is used again.
    const shaky = await icap((peer, _, index) => {
      if (index === 2) peer.socket.destroy();
      else peer.send(index === 0 ? FAILED : NO_CONTENT);
    });
    const url = ({ port }: { port: number }) => `icap://127.0.0.1:${port}/scan`;
    const dead = `icap://127.0.0.1:${await freePort()}/scan`;
    const at = (path: string, ...use: string[]) => ({ point: 'respmod', use, when: { paths: [path] } });
    return startTestWeir({
      proxy: {
        tls: {
          rules: [
            { hosts: ['splice.origin.test'], action: 'splice' },
            { hosts: ['refused.origin.test'], action: 'terminate' },
          ],
        },
      },
      adaptation: {
        services: {
          editor: { url: url(editor) },
          live: { url: url(live) },
          shaky: { url: url(shaky), retries: 1 },
          dead: { url: dead },
          lost: { url: dead, onError: 'bypass' },
          slow: { url: url(silent), timeout: '100ms', onError: 'bypass' },
        },
        groups: { pair: { services: ['dead', 'live'] } },
        rules: [
          { point: 'respmod', use: [], when: { types: ['image/*'] } },
          { point: 'respmod', use: [], when: { size: { min: 4000 } } },
          at('/scanned', 'sandblast'),
          at('/eicar', 'sandblast'),
          at('/edited', 'editor'),
          at('/pair', 'pair'),
          at('/shaky', 'shaky'),
          at('/dead', 'dead'),
          at('/lost', 'lost'),
          at('/slow', 'slow'),
          ...['/image', '/large'].map((path) => at(path, 'sandblast')),
        ],
      },
    });
  }

  async function plainRequests(origin: Origin): Promise<void> {
    const paths = ['/scanned', '/eicar', '/edited', '/pair', '/shaky', '/shaky', '/dead', '/lost', '/slow'];
    for (const path of [...paths, '/image', '/large', '/elsewhere']) {
      const head = `GET ${origin.url}${path} HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\n`;
      await rawExchange(weir.proxyPort, `${head}Connection: close\r\n\r\n`);
    }
  }

  async function tunnels(secure: Origin, plain: Origin): Promise<void> {
    const get = 'GET /none HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n';
    const bumped = rawClientOn(
      await connectThrough(weir.proxyPort, `origin.test:${secure.port}`, { ca: weir.ca }),
    );
    bumped.send(get);
    await bumped.closed();
    const spliced = kept(
      rawClientOn(
        await connectThrough(weir.proxyPort, `splice.origin.test:${secure.port}`, {
          ca: weir.ca,
          tls: { rejectUnauthorized: false },
        }),
      ),
    );
    spliced.send(get.replace('close', 'keep-alive'));
    await spliced.until('hello');
    await expect(
      connectThrough(weir.proxyPort, `refused.origin.test:${secure.port}`, { ca: weir.ca }),
    ).rejects.toThrow('403');
    const { certPath } = await testCa(); // vouches for the origin, not for the leaf
    await weir.curl('--cacert', certPath, `https://origin.test:${secure.port}/`);
    await expect(connectThrough(weir.proxyPort, `origin.test:${secure.port}`, { ca: [] })).rejects.toThrow();
    const cleartext = rawClientOn((await openTunnel(weir.proxyPort, `origin.test:${plain.port}`)).socket);
    cleartext.socket.resume();
    cleartext.send(get);
    await cleartext.closed();
    const junk = rawClientOn((await openTunnel(weir.proxyPort, `origin.test:${plain.port}`)).socket);
    junk.socket.resume();
    junk.send('\0\0\0\0');
    await junk.closed();
    for (const client of [bumped, cleartext, junk]) await client[Symbol.asyncDispose]();
  }

  test('transactions are as many as the records of the log, by verdict and error', () => {
    expect(metrics.rows('weir_transactions_total')).toEqual(countBy(records, ({ verdict }) => verdict));
    const failed = records.filter(({ error }) => error !== undefined);
    expect(metrics.rows('weir_transaction_errors_total')).toEqual(
      countBy(failed, ({ error }) => error!.code),
    );
    const sums = records.reduce((sum, { bytesOut }) => sum + Number(bytesOut), 0);
    expect(metrics.rows('weir_transaction_bytes_total')).toEqual({ out: sums });
  });

  test('durations are those of HTTP transactions', () => {
    const http = records.filter(({ method }) => method === 'GET');
    expect(http).toHaveLength(14);
    expect(metrics.sum('weir_transaction_seconds_count')).toBe(http.length);
    const seconds = http.reduce((sum, { ms }) => sum + Number(ms), 0) / 1000;
    expect(Math.abs(metrics.sum('weir_transaction_seconds_sum') - seconds)).toBeLessThan(0.05);
  });

  test('messages are counted by what inspection came to and why', () => {
    expect(metrics.rows('weir_messages_total')).toEqual({
      'respmod clean ': 4, // scanned, pair, shaky twice
      'respmod modified ': 1,
      'respmod blocked ': 1,
      'respmod error ': 1, // dead
      'respmod not_scanned service-down': 1,
      'respmod not_scanned timeout': 1,
      'respmod not_scanned type': 1,
      'respmod not_scanned size': 1,
      'respmod not_scanned policy': 3, // elsewhere, and in two tunnels
      'tunnel not_scanned encrypted': 1,
    });
    const reasonOf = ({ coverage }: LogRecord) => (coverage as { reason: string | null } | null)?.reason;
    const unscanned = records.filter((record) => reasonOf(record) != null);
    const byReason: Record<string, number> = {};
    for (const { labels, value } of metrics.samples('weir_messages_total', { outcome: 'not_scanned' })) {
      byReason[labels['reason']!] = value;
    }
    expect(byReason).toEqual(countBy(unscanned, (record) => reasonOf(record)!));
  });

  test('services are counted by what they did, with their errors', () => {
    expect(metrics.rows('weir_icap_requests_total')).toEqual({
      'sandblast respmod allowed': 1,
      'sandblast respmod blocked': 1,
      'editor respmod modified': 1,
      'live respmod allowed': 1,
      'shaky respmod allowed': 2,
      'dead respmod error': 1, // in the group
      'dead respmod refused': 1, // by then it was known to be down
      'lost respmod error': 1,
      'slow respmod error': 1,
    });
    expect(metrics.rows('weir_icap_errors_total')).toEqual({
      'dead respmod ERR_ADAPT_UNAVAILABLE': 1,
      'lost respmod ERR_ADAPT_UNAVAILABLE': 1,
      'slow respmod ERR_ADAPT_TIMEOUT': 1,
    });
    expect(metrics.rows('weir_icap_repeats_total')).toEqual({ 'shaky failure': 1, 'shaky reconnect': 1 });
    expect(metrics.rows('weir_icap_failovers_total')).toEqual({ dead: 1 });
    const timed = { service: 'slow', point: 'respmod' };
    expect(metrics.sum('weir_icap_request_seconds_count', timed)).toBe(1);
    expect(metrics.sum('weir_icap_request_seconds_bucket', { ...timed, le: '0.05' })).toBe(0);
    expect(metrics.sum('weir_icap_request_seconds_count', { service: 'dead' })).toBe(1);
  });

  test('each service is in one state', () => {
    expect(metrics.rows('weir_service_state')).toEqual({
      'sandblast up': 1,
      'editor up': 1,
      'live up': 1,
      'shaky up': 1,
      'dead down': 1,
      'lost down': 1,
      'slow up': 1,
    });
    expect(metrics.sum('weir_service_state_changes_total', { service: 'dead', state: 'down' })).toBe(1);
    expect(metrics.sum('weir_service_connections', { service: 'live', use: 'idle' })).toBe(1);
    expect(metrics.sum('weir_service_outlier', { group: 'pair' })).toBe(0);
  });

  test('tunnels and handshakes are counted by what became of them', () => {
    expect(metrics.rows('weir_tunnels_total')).toEqual({ bump: 1, splice: 1, terminate: 1, plain: 1 });
    expect(metrics.rows('weir_tunnels')).toEqual({ splice: 1 }); // the only one that is still open
    expect(metrics.rows('weir_tls_handshake_failures_total')).toEqual({
      cert_rejected: 1,
      closed: 1,
      client_hello: 1,
    });
    expect(metrics.sum('weir_leaf_cache_hits_total') + metrics.sum('weir_leaf_cache_misses_total')).toBe(3);
  });

  test('the gateway agrees with its records, and blades with theirs', () => {
    const ofGateway = weir.log().filter(({ kind }) => kind === 'gateway');
    expect(ofGateway).toHaveLength(2);
    const place = ({ service, method, icapStatus }: LogRecord) => `${service} ${method} ${icapStatus}`;
    expect(metrics.rows('weir_gateway_requests_total')).toEqual(countBy(ofGateway, place));
    expect(metrics.rows('weir_gateway_verdicts_total')).toEqual(
      countBy(ofGateway, ({ service, verdict }) => `${String(service)} ${verdict}`),
    );
    expect(metrics.rows('weir_blade_verdicts_total')).toEqual({ 'antivirus allow': 1, 'antivirus block': 1 });
    expect(metrics.sum('weir_blade_seconds_count')).toBe(2);
  });

  test('requests to the origins are those that came to them', () => {
    expect(metrics.rows('weir_origin_requests_total')).toEqual({
      new: expect.any(Number),
      reused: expect.any(Number),
    });
    expect(metrics.sum('weir_origin_requests_total')).toBe(14);
  });

  test('figures of the process are there', () => {
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'process_start_time_seconds',
      'nodejs_heap_size_used_bytes',
      'weir_build_info',
      'weir_ca_expiry_timestamp_seconds',
      'weir_connections_limit',
    ]) {
      expect([name, metrics.sum(name)]).toEqual([name, expect.any(Number)]);
      expect(metrics.sum(name)).toBeGreaterThan(0);
    }
    expect(metrics.samples('weir_event_loop_lag_seconds', { process: 'main' })).toHaveLength(3);
  });
});

test('a thousand hosts, paths and methods add no row', async () => {
  await using weir = await startTestWeir();
  const send = async (from: number, count: number): Promise<void> => {
    const requests = Array.from({ length: count }, (_, i) => {
      const name = (from + i).toString(36);
      const body = eicar().toString('latin1');
      const head = `X${name.toUpperCase()} http://h${name}.test/p${name} HTTP/1.1\r\nHost: h${name}.test\r\n`;
      const close = i === count - 1 ? 'Connection: close\r\n' : '';
      return `${head}${close}X-Forwarded-For: 192.0.2.${i % 250}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    });
    await rawExchange(weir.proxyPort, requests.join(''), { timeoutMs: 20_000 });
  };
  const series = (exposition: Exposition): string[] =>
    [...exposition.families.values()].flatMap(({ samples }) =>
      samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`),
    );
  await send(0, 3);
  const few = await scrape(weir);
  await send(1000, 1000);
  const many = await scrape(weir);
  expect(many.rows('weir_transactions_total')).toEqual({ blocked: 1003 });
  expect(series(many)).toEqual(series(few));
});

test('what may not pass unscanned is told apart from what did', async () => {
  await using origin = await originServer((_, response) => response.end('hello'));
  await using weir = await startTestWeir({
    adaptation: { rules: [{ point: 'reqmod', use: ['sandblast'] }], notScanned: { policy: 'block' } },
  });
  await weir.curl(`${origin.url}/`);
  const metrics = await scrape(weir);
  expect(metrics.rows('weir_messages_total')).toEqual({
    'reqmod clean ': 1,
    'respmod refused policy': 1,
  });
});

test('a service that is faster for once is a hedge, and the slower one cancelled', async () => {
  await using origin = await originServer((_, response) => response.end('hello'));
  let late = false;
  await using slow = await scriptedIcap((peer) => {
    if (!late) peer.send(NO_CONTENT);
  });
  await using fast = await scriptedIcap((peer) => peer.send(NO_CONTENT));
  const url = ({ port }: ScriptedIcap) => `icap://127.0.0.1:${port}/scan`;
  await using weir = await startTestWeir({
    adaptation: {
      services: { slow: { url: url(slow) }, fast: { url: url(fast) } },
      groups: { pair: { services: ['slow', 'fast'], hedge: true } },
      rules: [{ point: 'reqmod', use: ['pair'] }],
    },
  });
  const head = `GET ${origin.url}/ HTTP/1.1\r\nHost: a\r\n`;
  const quick = `${head}\r\n`.repeat(59);
  await rawExchange(weir.proxyPort, `${quick}${head}Connection: close\r\n\r\n`);
  late = true;
  await weir.curl(`${origin.url}/`);
  await weir.stop(1000);
  const metrics = await scrape(weir);
  // A machine under load may have been late by itself, too.
  const hedges = metrics.sum('weir_icap_hedges_total');
  expect(metrics.sum('weir_icap_hedges_total', { service: 'fast' })).toBeGreaterThanOrEqual(1);
  expect(metrics.sum('weir_icap_requests_total', { outcome: 'allowed' })).toBe(61);
  expect(metrics.sum('weir_icap_requests_total', { outcome: 'cancelled' })).toBe(hedges);
  expect(metrics.sum('weir_icap_requests_total', { service: 'slow', outcome: 'cancelled' })).toBeGreaterThan(
    0,
  );
});

test('what a reverse proxy serves is counted like the rest, also what is no HTTP', async () => {
  await using origin = await originServer((_, response) => response.end('hello'));
  const port = await freePort();
  const reverse = [{ listen: `127.0.0.1:${port}`, target: origin.url }];
  await using weir = await startTestWeir({ proxy: { reverse } });
  await rawExchange(port, 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
  await rawExchange(port, 'NONSENSE\r\n\r\n');
  const records = await weir.logged(({ kind }) => kind === 'proxy', 2);
  const metrics = await scrape(weir);
  expect(metrics.rows('weir_transactions_total')).toEqual(countBy(records, ({ verdict }) => verdict));
  expect(metrics.rows('weir_transactions_total')).toEqual({ allowed: 1, error: 1 });
  expect(metrics.rows('weir_messages_total')).toEqual({ 'reqmod clean ': 1, 'respmod clean ': 1 });
  expect(metrics.rows('weir_transaction_bytes_total')).toEqual({ out: 5 });
});

test('with the log off everything is counted all the same', async () => {
  await using origin = await originServer((_, response) => response.end('hello'));
  await using weir = await startTestWeir({ log: { level: 'silent' }, trace: { enabled: false } });
  await weir.curl(`${origin.url}/`);
  await weir.stop(1000); // all that was under way is over
  const metrics = await scrape(weir);
  expect(metrics.rows('weir_transactions_total')).toEqual({ allowed: 1 });
  expect(metrics.rows('weir_gateway_verdicts_total')).toEqual({ '/sandblast allowed': 2 });
});

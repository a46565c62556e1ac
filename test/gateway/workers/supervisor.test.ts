import { describe, expect, test } from '@jest/globals';
import { rm, writeFile } from 'node:fs/promises';
import { GatewaySupervisor } from '../../../src/gateway/workers/supervisor.ts';
import { openLog } from '../../../src/telemetry/log.ts';
import { rawClient, type RawClient } from '../../support/rawClient.ts';
import { tempDir } from '../../support/tempDir.ts';
import { testCa } from '../../support/testCa.ts';
import { allGone, isAlive, options, request, startPool, type PoolLab } from './lab.ts';

const pidsOf = ({ supervisor }: PoolLab): number[] => supervisor.status().workers.map(({ pid }) => pid);

async function connectAll(pool: PoolLab, count: number): Promise<RawClient[]> {
  return await Promise.all(Array.from({ length: count }, () => pool.connect()));
}

describe('worker processes', () => {
  test('G-12 three processes share the port, and connections spread evenly', async () => {
    await using pool = await startPool({ workers: { min: 3 } });
    expect(pool.supervisor.status().workers).toHaveLength(3);
    const clients = await connectAll(pool, 6);
    const held = await Promise.all(clients.map((client, index) => pool.hold(client, `r${index}`)));
    const counts = new Map<number, number>();
    for (const { pid } of held) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    expect([...counts.values()]).toEqual([2, 2, 2]);
    expect(counts.has(process.pid)).toBe(false);
    for (const { release } of held) release();
    for (const client of clients) await client.until('ICAP/1.0 204');
  });

  test('G-03 all processes answer with the same ISTag, and OPTIONS promises what all can keep', async () => {
    await using pool = await startPool({ workers: { min: 3, perProcess: 4 } });
    const clients = await connectAll(pool, 3);
    const tags = new Set<string>();
    for (const client of clients) {
      client.send(options('slow'));
      const answer = (await client.until('\r\n\r\n')).toString();
      expect(answer).toContain('\r\nMax-Connections: 40\r\n'); // ten processes with four handlers each
      tags.add(/ISTag: (\S+)/.exec(answer)![1]!);
    }
    const { workers } = await pool.state(({ workers: all }) => all.every((it) => it.connections === 1));
    expect([workers.length, tags.size]).toEqual([3, 1]);
  });

  test('G-12 a killed process is replaced, its connections end, those of the others go on', async () => {
    await using pool = await startPool({ workers: { min: 3 } });
    const clients = await connectAll(pool, 3);
    const held = await Promise.all(clients.map((client, index) => pool.hold(client, `r${index}`)));
    const victim = held[0]!.pid;
    process.kill(victim, 'SIGKILL');

    expect((await clients[0]!.closed()).length).toBe(0);
    const line = await pool.logged(({ replaced }) => replaced === victim);
    expect(line).toMatchObject({ level: 'warn', because: 'replacement' });
    expect(line.msg).toMatch(/^gateway worker \d+ \(signal SIGKILL\) was replaced by \d+$/);
    const { workers, lost } = await pool.state((status) => status.workers.every(({ busy }) => busy <= 1));
    expect([workers.length, lost]).toEqual([3, 1]);
    expect(pidsOf(pool)).not.toContain(victim);

    for (const { release } of held.slice(1)) release();
    for (const client of clients.slice(1)) await client.until('ICAP/1.0 204');
    const [again] = await connectAll(pool, 1);
    const third = await pool.hold(again!, 'again');
    expect(third.pid).toBe(line.worker);
  });

  test('G-14 G-15 processes are started under load and stopped after it, and what runs is finished', async () => {
    const workers = { min: 1, max: 3, minSpare: 0, maxSpare: 1, perProcess: 1 };
    await using pool = await startPool({ workers, stopAfterMs: 20 });
    const first = await pool.connect();
    const one = await pool.hold(first, 'one');
    await pool.logged(({ because }) => because === 'load');
    await pool.state(({ workers: all }) => all.length === 2 && all.every(({ phase }) => phase === 'serving'));
    const second = await pool.connect();
    const two = await pool.hold(second, 'two');
    await pool.state(({ workers: all }) => all.length === 3 && all.every(({ phase }) => phase === 'serving'));
    const third = await pool.connect();
    const three = await pool.hold(third, 'three');
    expect(new Set([one.pid, two.pid, three.pid]).size).toBe(3);
    expect((await pool.state(({ handlers }) => handlers.busy === 3)).workers).toHaveLength(3);

    two.release();
    three.release();
    await second.until('ICAP/1.0 204');
    await third.until('ICAP/1.0 204');
    await pool.state(({ stopped }) => stopped === 1);
    expect(pidsOf(pool)).toContain(one.pid); // it has a request
    one.release();
    await first.until('ICAP/1.0 204');
    const { workers: left, lost } = await pool.state((status) => status.workers.length === 1);
    expect([left.length, lost]).toEqual([1, 0]);
  });

  test('G-16 S-503 when all handlers are busy a request is answered 503, OPTIONS and /info still 200', async () => {
    await using pool = await startPool({ workers: { min: 1, max: 1, perProcess: 2 } });
    const clients = await connectAll(pool, 2);
    const held = [await pool.hold(clients[0]!, 'one'), await pool.hold(clients[1]!, 'two')];
    const [asking, refused, looking] = await connectAll(pool, 3);
    refused!.send(request('slow'));
    expect((await refused!.closed()).toString()).toMatch(/^ICAP\/1\.0 503 [^]*\r\nConnection: close\r\n/);
    asking!.send(options('slow'));
    const answer = (await asking!.take('\r\n\r\n')).toString();
    expect(answer).toMatch(/^ICAP\/1\.0 200 OK\r\n[^]*\r\nMax-Connections: 2\r\n/);
    looking!.send(request('info'));
    expect((await looking!.until('Busy handlers')).toString()).toMatch(/^ICAP\/1\.0 200 OK\r\n/);
    held[0]!.release();
    await clients[0]!.until('ICAP/1.0 204');
    await pool.hold(asking!, 'three');
  });

  test('G-16 the bound is of all processes together', async () => {
    await using pool = await startPool({ workers: { min: 2, max: 2, perProcess: 1 } });
    const clients = await connectAll(pool, 3);
    const held = [await pool.hold(clients[0]!, 'one'), await pool.hold(clients[1]!, 'two')];
    expect(held[0]!.pid).not.toBe(held[1]!.pid);
    await pool.state(({ handlers }) => handlers.busy === 2);
    const late = await pool.connect(); // behind the news that all are busy
    late.send(request('slow'));
    expect((await late.closed()).toString()).toMatch(/^ICAP\/1\.0 503 /);
  });

  test('S-17 maxConnections of a service holds over all processes, other services go on', async () => {
    const services = { slow: { profile: 'gated', maxConnections: 1 } };
    await using pool = await startPool({ workers: { min: 2 }, gateway: { services } });
    const clients = await connectAll(pool, 2);
    await pool.hold(clients[0]!, 'one');
    await pool.state(({ handlers }) => handlers.busy === 1);
    const late = await pool.connect();
    late.send(request('slow'));
    expect((await late.closed()).toString()).toMatch(/^ICAP\/1\.0 503 /);
    clients[1]!.send(request('echo'));
    await clients[1]!.until('ICAP/1.0 204');
  });

  test('S-17 limits.connections holds over all processes', async () => {
    await using pool = await startPool({ workers: { min: 2 }, gateway: { limits: { connections: 2 } } });
    await connectAll(pool, 2);
    await pool.state(({ connections }) => connections === 2);
    const late = await pool.connect();
    late.send(options('echo'));
    expect((await late.closed()).toString()).toMatch(/^ICAP\/1\.0 503 /);
  });

  test('G-13 a process that serves more than its share lets connections go to the others', async () => {
    const workers = { min: 1, max: 2, minSpare: 0, maxSpare: 9, perProcess: 1 };
    await using pool = await startPool({ workers });
    const clients = await connectAll(pool, 2);
    const one = await pool.hold(clients[0]!, 'one');
    await pool.state(({ workers: all }) => all.filter(({ phase }) => phase === 'serving').length === 2);
    const two = await pool.hold(clients[1]!, 'two');
    expect(two.pid).toBe(one.pid);
    await pool.state(({ workers: all }) => all.some(({ busy }) => busy === 2));
    await pool.state(({ shed }) => shed > 0);
    for (const client of await connectAll(pool, 4)) {
      // the last of them reaches it behind that order
      client.send(options('echo'));
      await client.until('ICAP/1.0 200');
    }
    one.release();
    two.release();
    const answers = await Promise.all(clients.map((client) => client.until('\r\n\r\n')));
    const letGo = answers.filter((answer) => answer.includes('Connection: close'));
    expect(letGo).toHaveLength(1);
  });

  test('several listeners, IPv6 among them, lead to the same processes', async () => {
    await using pool = await startPool({ gateway: { listen: ['127.0.0.1:0', '[::1]:0'] } });
    const [v4, v6] = pool.supervisor.addresses;
    await using one = await rawClient(v4!.port);
    await using two = await rawClient(v6!.port, { host: '::1' });
    for (const client of [one, two]) {
      client.send(request('echo'));
      await client.until('ICAP/1.0 204');
    }
  });

  test('icaps and the PROXY protocol hold on their listeners, whichever process has the connection', async () => {
    const certificate = await (await testCa()).issue(['localhost']);
    await using files = await tempDir();
    const tls = {
      cert: await files.write('cert.pem', certificate.cert),
      key: await files.write('key.pem', certificate.key, 0o600),
    };
    const listen = [
      { listen: '127.0.0.1:0', proxyProtocol: true },
      { listen: '127.0.0.1:0', tls },
    ];
    await using pool = await startPool({ gateway: { listen } });
    const [balanced, secure] = pool.supervisor.addresses;
    const ca = (await testCa()).cert;
    for (const name of ['one', 'two']) {
      await using behind = await rawClient(balanced!.port);
      behind.send('PROXY TCP4 127.9.9.9 127.0.0.1 4711 1344\r\n', request('echo', `proxied-${name}`));
      await behind.until('ICAP/1.0 204');
      await using sealed = await rawClient(secure!.port, { tls: { ca, servername: 'localhost' } });
      sealed.send(request('echo', `sealed-${name}`));
      await sealed.until('ICAP/1.0 204');
    }
    const records = await Promise.all(
      ['proxied-one', 'proxied-two'].map((name) => pool.logged(({ url }) => `${url}`.endsWith(name))),
    );
    expect(records.map(({ icapClient }) => icapClient)).toEqual(['127.9.9.9', '127.9.9.9']);
  });

  test('records of all processes arrive in the one log, each naming its process', async () => {
    await using pool = await startPool();
    const clients = await connectAll(pool, 2);
    for (const [index, client] of clients.entries()) {
      client.send(request('echo', `record${index}`));
      await client.until('ICAP/1.0 204');
    }
    const writers = new Set<number | undefined>();
    for (const index of clients.keys()) {
      const line = await pool.logged(({ url }) => url === `http://a.test/record${index}`);
      expect(line).toMatchObject({ kind: 'gateway', service: '/echo', verdict: 'allowed' });
      writers.add(line.worker);
    }
    expect([...writers].sort()).toEqual(pidsOf(pool).sort());
    const { counters } = await pool.state((status) => status.counters['allowed'] === 2);
    expect(counters).toMatchObject({ allowed: 2, blocked: 0 });
  });
});

describe('stopping', () => {
  test('lets a running request finish, accepts nothing more, and leaves no process', async () => {
    await using pool = await startPool();
    const pids = pidsOf(pool);
    const client = await pool.connect();
    const { release } = await pool.hold(client, 'last');
    const stopped = pool.supervisor.stop(20_000);
    await expect(rawClient(pool.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await pool.logged(({ because }) => because === 'shutdown'); // those that were idle
    release();
    expect((await client.closed()).toString()).toMatch(/^ICAP\/1\.0 204 [^]*\r\nConnection: close\r\n/);
    await stopped;
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('cuts what is left when the time is up', async () => {
    await using pool = await startPool({ workers: { min: 1 } });
    const client = await pool.connect();
    await pool.hold(client, 'stuck');
    await pool.supervisor.stop(50);
    expect((await client.closed()).length).toBe(0);
  });

  test('kills a process that hangs, and replaces it', async () => {
    await using pool = await startPool({ workers: { min: 1 }, silenceMs: 3000 });
    const [pid] = pidsOf(pool);
    const client = await pool.connect();
    client.send(request('slow', 'hang'));
    const line = await pool.logged(({ replaced }) => replaced === pid);
    expect(line.msg).toContain('killed: it did not answer for 3 s');
    expect((await client.closed()).length).toBe(0);
  });
});

describe('reload', () => {
  test('new processes serve the new configuration, old ones finish what runs, nothing is dropped', async () => {
    await using pool = await startPool();
    const former = pidsOf(pool);
    const [busy, idle] = (await connectAll(pool, 2)) as [RawClient, RawClient];
    const old = await pool.hold(busy, 'old');
    idle.send(options('slow'));
    const tagBefore = /ISTag: (\S+)/.exec((await idle.take('\r\n\r\n')).toString())![1];

    await pool.supervisor.reload(await pool.config(undefined, 'two'));
    expect((await idle.closed()).length).toBe(0); // an idle connection ends between two requests
    expect(idle.error()).toBeNull();
    const fresh = await pool.connect();
    const held = await pool.hold(fresh, 'new');
    expect(former).not.toContain(held.pid);
    expect(former).toContain(old.pid);
    held.release();
    old.release();
    await fresh.until('ICAP/1.0 204');
    expect((await busy.closed()).toString()).toMatch(/^ICAP\/1\.0 204 [^]*Connection: close/);
    await allGone(former);
    fresh.send(options('slow'));
    await fresh.until('Methods');
    expect(fresh.received().toString()).not.toContain(tagBefore);
    expect((await pool.state(({ workers }) => workers.length === 2)).workers[0]!.generation).toBe(2);
  });

  test('a configuration that workers cannot start with is refused, and the old one stays', async () => {
    await using pool = await startPool();
    const former = pidsOf(pool);
    const broken = {
      ...(await pool.config()),
      plugins: [{ use: './nowhere.mjs', with: {}, resolveFrom: '/' }],
    };
    await expect(pool.supervisor.reload(broken)).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
    await writeFile(pool.brokenFile, '');
    await expect(pool.supervisor.reload(await pool.config())).rejects.toMatchObject({
      code: 'ERR_GATEWAY_WORKER',
    });
    await pool.state(({ workers }) => workers.length === 2);
    expect(pidsOf(pool).sort()).toEqual(former.sort());
    const client = await pool.connect();
    client.send(request('echo'));
    await client.until('ICAP/1.0 204');
  });

  test('listeners that both configurations have stay open, new ones are opened, old ones closed', async () => {
    await using pool = await startPool({ workers: { min: 1 } });
    const both = await pool.config({ workers: { min: 1 }, gateway: { listen: ['127.0.0.1:0', '[::1]:0'] } });
    await pool.supervisor.reload(both);
    expect(pool.supervisor.addresses.map(({ address }) => address)).toEqual(['127.0.0.1', '::1']);
    expect(pool.supervisor.addresses[0]!.port).toBe(pool.port);
    const taken = await pool.config({ gateway: { listen: ['[::1]:0', '203.0.113.1:1344'] } });
    await expect(pool.supervisor.reload(taken)).rejects.toMatchObject({ code: 'ERR_LISTEN' });
    const moved = await pool.config({ workers: { min: 1 }, gateway: { listen: ['[::1]:0'] } });
    await pool.supervisor.reload(moved);
    await expect(rawClient(pool.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('broken plugins', () => {
  test('a plugin that cannot be loaded fails the start with its own error', async () => {
    await using pool = await startPool({ workers: { min: 1 } });
    const log = openLog({ level: 'info', file: pool.folder.join('other-log') });
    const config = {
      ...(await pool.config()),
      plugins: [{ use: './nowhere.mjs', with: {}, resolveFrom: '/' }],
    };
    const start = GatewaySupervisor.start({ config, rule: config.gateway.workers!, log });
    await expect(start).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
    log.close();
  });

  test('processes that end soon after their start again and again are started less often, until they last', async () => {
    await using pool = await startPool({ workers: { min: 1 } });
    await writeFile(pool.brokenFile, '');
    const client = await pool.connect();
    client.send(request('echo'));
    await client.until('ICAP/1.0 204');
    process.kill(pidsOf(pool)[0]!, 'SIGKILL');
    const line = await pool.logged(({ pauseMs }) => pauseMs !== undefined);
    expect(line).toMatchObject({ level: 'error', failures: 4, pauseMs: 1000 });
    expect(line.msg).toContain('take them out of the configuration');
    await client.closed();
    const waiting = await pool.connect(); // nobody serves now: it waits
    await rm(pool.brokenFile);
    waiting.send(request('echo'));
    await waiting.until('ICAP/1.0 204', 20_000);
  });
});

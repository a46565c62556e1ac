// Names to addresses: how long answers are kept, how many questions a name costs, what failures become.

import { describe, expect, test } from '@jest/globals';
import type { ResolverOptions } from '../../../src/proxy/origin/resolver.ts';
import { DEFAULT_RESOLVER, Resolver } from '../../../src/proxy/origin/resolver.ts';
import type { DnsAnswer, DnsServer } from '../../support/dnsServer.ts';
import { dnsServer, zone } from '../../support/dnsServer.ts';
import { codeOf } from './engine-support.ts';

const TTL = DEFAULT_RESOLVER.ttl;

function resolverAt(
  server: DnsServer,
  options: Partial<Omit<ResolverOptions, 'ttl'>> & { ttl?: Partial<ResolverOptions['ttl']> } = {},
): Resolver {
  return new Resolver({
    ...DEFAULT_RESOLVER,
    servers: [server.address],
    ...options,
    ttl: { ...TTL, ...options.ttl },
  });
}

/** As `resolve`, always a promise. */
async function resolved(resolver: Resolver, name: string): Promise<readonly string[]> {
  return await resolver.resolve(name);
}

/** Resolves once the clock has moved on. */
function passed(ms: number): Promise<void> {
  const end = performance.now() + ms;
  return new Promise((resolve) => {
    const look = (): void => void (performance.now() > end ? resolve() : setTimeout(look, 5));
    look();
  });
}

describe('with servers of the configuration', () => {
  test('asks for both families and puts IPv6 first', async () => {
    await using server = await dnsServer(zone({ 'a.test': ['192.0.2.1', '192.0.2.2', '2001:db8::1'] }));
    expect(await resolved(resolverAt(server), 'a.test')).toEqual(['2001:db8::1', '192.0.2.1', '192.0.2.2']);
    expect([...server.questions].sort()).toEqual(['A a.test', 'AAAA a.test']);
  });

  test.each([
    ['ipv4', 'A', '192.0.2.1'],
    ['ipv6', 'AAAA', '2001:db8::1'],
  ] as const)('asks for %s alone when told so', async (family, type, address) => {
    await using server = await dnsServer(zone({ 'a.test': ['192.0.2.1', '2001:db8::1'] }));
    expect(await resolved(resolverAt(server, { family }), 'a.test')).toEqual([address]);
    expect(server.questions).toEqual([`${type} a.test`]);
  });

  test('answers from what it keeps, at once', async () => {
    await using server = await dnsServer(zone({ 'a.test': ['192.0.2.1'] }));
    const resolver = resolverAt(server);
    await resolved(resolver, 'a.test');
    expect(resolver.resolve('a.test')).toEqual(['192.0.2.1']);
    expect(server.questions).toHaveLength(2);
  });

  test('asks again when the time to live is over, as the server says within the bounds', async () => {
    let nth = 0;
    await using server = await dnsServer((type) => ({
      addresses: type === 'A' ? [`192.0.2.${++nth}`] : [],
      ttl: 0,
    }));
    const resolver = resolverAt(server, { ttl: { minMs: 40 } });
    expect(await resolved(resolver, 'a.test')).toEqual(['192.0.2.1']);
    expect(await resolved(resolver, 'a.test')).toEqual(['192.0.2.1']);
    await passed(45);
    expect(await resolved(resolver, 'a.test')).toEqual(['192.0.2.2']);
  });

  test('does not believe a time to live above the greatest', async () => {
    await using server = await dnsServer(zone({ 'a.test': ['192.0.2.1'] }, 86_400));
    const resolver = resolverAt(server, { family: 'ipv4', ttl: { minMs: 0, maxMs: 20 } });
    await resolved(resolver, 'a.test');
    await passed(25);
    await resolved(resolver, 'a.test');
    expect(server.questions).toHaveLength(2);
  });

  test('asks once for many who want the same name at the same time', async () => {
    await using server = await dnsServer(zone({ 'a.test': ['192.0.2.1'] }));
    const resolver = resolverAt(server);
    const all = await Promise.all(Array.from({ length: 50 }, () => resolved(resolver, 'a.test')));
    expect(new Set(all.map(String))).toEqual(new Set(['192.0.2.1']));
    expect(server.questions).toHaveLength(2);
  });

  test('goes on with one family when the other does not answer, and takes that in when it does', async () => {
    let answerLate: (answer: DnsAnswer) => void = () => {};
    const late = new Promise<DnsAnswer>((resolve) => (answerLate = resolve));
    await using server = await dnsServer((type) => (type === 'A' ? { addresses: ['192.0.2.1'] } : late));
    const resolver = resolverAt(server);
    expect(await resolved(resolver, 'a.test')).toEqual(['192.0.2.1']);
    answerLate({ addresses: ['2001:db8::1'] });
    let known: unknown;
    for (let i = 0; i < 200 && String(known) !== '2001:db8::1,192.0.2.1'; i++) {
      await passed(5);
      known = resolver.resolve('a.test');
    }
    expect(known).toEqual(['2001:db8::1', '192.0.2.1']);
  });

  test('lives with a server that fails for one family', async () => {
    await using server = await dnsServer((type) =>
      type === 'A' ? { addresses: ['192.0.2.1'] } : { code: 2 },
    );
    expect(await resolved(resolverAt(server), 'a.test')).toEqual(['192.0.2.1']);
  });

  test.each([
    ['a name that does not exist', { code: 3 }, 'ENOTFOUND'],
    ['a name without addresses', { addresses: [] }, 'ENODATA'],
    ['a server that fails', { code: 2 }, 'ESERVFAIL'],
    ['a server that refuses', { code: 5 }, 'EREFUSED'],
  ])('%s is an error, remembered for a time', async (_, answer, code) => {
    await using server = await dnsServer(() => answer);
    const resolver = resolverAt(server);
    expect(await codeOf(resolved(resolver, 'a.test'))).toBe(code);
    const asked = server.questions.length;
    expect(() => resolver.resolve('a.test')).toThrow(expect.objectContaining({ code }));
    expect(server.questions).toHaveLength(asked);
  });

  test('a name that did not exist is asked for again when that time is over', async () => {
    let exists = false;
    await using server = await dnsServer(() => (exists ? { addresses: ['192.0.2.1'] } : { code: 3 }));
    const resolver = resolverAt(server, { family: 'ipv4', ttl: { negativeMs: 20 } });
    expect(await codeOf(resolved(resolver, 'a.test'))).toBe('ENOTFOUND');
    exists = true;
    await passed(25);
    expect(await resolved(resolver, 'a.test')).toEqual(['192.0.2.1']);
  });

  test('says so within the time limit when no server answers', async () => {
    await using server = await dnsServer(() => null);
    expect(await codeOf(resolved(resolverAt(server, { timeoutMs: 60 }), 'a.test'))).toBe('ETIMEOUT');
  });

  test('says so when nobody listens at the address of a server', async () => {
    const server = await dnsServer(() => null);
    await server[Symbol.asyncDispose]();
    const code = await codeOf(resolved(resolverAt(server, { timeoutMs: 300 }), 'a.test'));
    expect(['ECONNREFUSED', 'ETIMEOUT']).toContain(code);
  });

  test('asks the second server when the first is dead', async () => {
    const dead = await dnsServer(() => null);
    await dead[Symbol.asyncDispose]();
    await using server = await dnsServer(zone({ 'a.test': ['192.0.2.1'] }));
    const resolver = resolverAt(server, { servers: [dead.address, server.address], timeoutMs: 3000 });
    expect(await resolved(resolver, 'a.test')).toEqual(['192.0.2.1']);
  });

  test('keeps so many names and no more', async () => {
    await using server = await dnsServer(() => ({ addresses: ['192.0.2.1'] }));
    const resolver = resolverAt(server, { family: 'ipv4', maxEntries: 2 });
    for (const name of ['a.test', 'b.test', 'c.test', 'c.test', 'b.test', 'a.test']) {
      await resolved(resolver, name);
    }
    expect(server.questions.map((line) => line.slice(2, 3)).join('')).toBe('abca');
  });

  test.each(['localhost', 'app.localhost'])('never asks for %s (RFC 6761)', async (name) => {
    await using server = await dnsServer(() => ({ code: 3 }));
    expect(resolverAt(server).resolve(name)).toEqual(['127.0.0.1', '::1']);
    expect(server.questions).toEqual([]);
  });
});

describe("with the system's resolver", () => {
  test('finds what the hosts file of this machine says, and keeps it', async () => {
    const resolver = new Resolver({ ...DEFAULT_RESOLVER, family: 'ipv4' });
    expect(await resolved(resolver, 'localhost')).toEqual(['127.0.0.1']);
    expect(resolver.resolve('localhost')).toEqual(['127.0.0.1']);
  });

  test('says that a name does not exist', async () => {
    const code = await codeOf(resolved(new Resolver(DEFAULT_RESOLVER), 'no-such-name.invalid'));
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(code);
  });

  test('refuses names when a thousand wait already', async () => {
    const resolver = new Resolver({ ...DEFAULT_RESOLVER, timeoutMs: 20 });
    const codes = await Promise.all(
      Array.from({ length: 1100 }, (_, i) => codeOf(resolved(resolver, `n${i}..invalid`))),
    );
    expect(codes.filter((code) => code === 'EBUSY').length).toBeGreaterThan(0);
    expect(codes.filter((code) => code === 'EBUSY').length).toBeLessThan(100);
  });
});

// Which address of an origin is connected to: what a name resolves to, what is denied, where connections
// begin. Every address is judged before it is connected to.

import { describe, expect, test } from '@jest/globals';
import type { ResolverOptions } from '../../../src/proxy/origin/resolver.ts';
import { DEFAULT_RESOLVER } from '../../../src/proxy/origin/resolver.ts';
import type { DnsServer } from '../../support/dnsServer.ts';
import { dnsServer, zone } from '../../support/dnsServer.ts';
import { rawOrigin } from '../../support/originServer.ts';
import { answering, codeOf, requestTo, startEngine, textOf } from './engine-support.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const asking = (server: DnsServer, options: Partial<ResolverOptions> = {}): { dns: ResolverOptions } => ({
  dns: { ...DEFAULT_RESOLVER, servers: [server.address], ...options },
});

describe('a denied address', () => {
  test('is never connected to, whatever name leads there', async () => {
    await using dns = await dnsServer(zone({ 'a.test': ['127.0.0.2'] }));
    await using origin = await answering(OK, { host: '127.0.0.2' });
    using engine = await startEngine('native', {
      ...asking(dns),
      isDeniedAddress: (address) => address === '127.0.0.2',
    });
    const error = await engine
      .send(requestTo(origin.port, { host: 'a.test' }))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_PROXY_DENIED',
      message: 'a.test is at 127.0.0.2, where clients may not go (proxy.targets.deny)',
    });
    expect(origin.connections()).toBe(0);
  });

  test('is not reached by a name that changes its address between two requests (rebinding)', async () => {
    let address = '127.0.0.1';
    await using dns = await dnsServer((type) => ({ addresses: type === 'A' ? [address] : [], ttl: 0 }));
    await using origin = await answering(OK);
    await using secret = await rawOrigin(() => {}, { host: '127.0.0.2' });
    using engine = await startEngine('native', {
      ...asking(dns, { ttl: { minMs: 0, maxMs: 0, unknownMs: 0, negativeMs: 0 } }),
      isDeniedAddress: (one) => one === '127.0.0.2',
    });
    expect(await textOf(await engine.send(requestTo(origin.port, { host: 'a.test' })))).toBe('ok');
    address = '127.0.0.2';
    expect(await codeOf(engine.send(requestTo(secret.port, { host: 'a.test' })))).toBe('ERR_PROXY_DENIED');
    expect(secret.connections()).toBe(0);
  });

  test('is left out where the name has others', async () => {
    await using dns = await dnsServer(zone({ 'a.test': ['127.0.0.2', '127.0.0.1'] }));
    await using origin = await answering(OK);
    using engine = await startEngine('native', {
      ...asking(dns),
      isDeniedAddress: (address) => address === '127.0.0.2',
    });
    const response = await engine.send(requestTo(origin.port, { host: 'a.test' }));
    expect([await textOf(response), response.serverIp]).toEqual(['ok', '127.0.0.1']);
  });

  test('is not reached by an entry of hosts either', async () => {
    await using origin = await rawOrigin(() => {});
    using engine = await startEngine('native', {
      hosts: { 'a.test': '127.0.0.1' },
      isDeniedAddress: (address) => address === '127.0.0.1',
    });
    expect(await codeOf(engine.send(requestTo(origin.port, { host: 'a.test' })))).toBe('ERR_PROXY_DENIED');
    expect(origin.connections()).toBe(0);
  });

  test('may depend on the name that was asked for', async () => {
    await using origin = await answering(OK);
    using engine = await startEngine('native', {
      hosts: { '*.test': '127.0.0.1' },
      isDeniedAddress: (_, host) => host !== 'good.test',
    });
    expect(await codeOf(engine.send(requestTo(origin.port, { host: 'bad.test' })))).toBe('ERR_PROXY_DENIED');
    expect(await textOf(await engine.send(requestTo(origin.port, { host: 'good.test' })))).toBe('ok');
  });
});

test('an own port is not reached by a name, nor by an IPv6 form of an own address', async () => {
  await using dns = await dnsServer(zone({ 'a.test': ['127.0.0.1'], 'b.test': ['::ffff:7f00:1'] }));
  await using origin = await answering(OK);
  using engine = await startEngine('native', { ...asking(dns), isOwnPort: (port) => port === origin.port });
  for (const host of ['a.test', 'b.test', '127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1', '127.0.0.9']) {
    expect(await codeOf(engine.send(requestTo(origin.port, { host })))).toBe('ERR_PROXY_SELF');
  }
  expect(origin.connections()).toBe(0);
});

describe('of several addresses', () => {
  test.each([
    ['plain', false],
    ['TLS', true],
  ])(
    'the one that answers is used (%s), and the one that failed comes last from then on',
    async (_, secure) => {
      await using dns = await dnsServer(zone({ 'origin.test': ['::1', '127.0.0.3', '127.0.0.1'] }));
      await using origin = await answering(OK, { tls: secure });
      using engine = await startEngine('native', asking(dns));
      for (let i = 0; i < 2; i++) {
        const response = await engine.send(requestTo(origin.port, { host: 'origin.test', secure }));
        expect([await textOf(response), response.serverIp]).toEqual(['ok', '127.0.0.1']);
      }
    },
  );

  test('all are tried before it is said that nobody answers', async () => {
    await using dns = await dnsServer(zone({ 'a.test': ['127.0.0.2', '127.0.0.3'] }));
    const origin = await rawOrigin(() => {});
    await origin.close();
    using engine = await startEngine('native', asking(dns));
    const sent = engine.send(requestTo(origin.port, { host: 'a.test' }));
    expect(await codeOf(sent)).toBe('ERR_ORIGIN_UNREACHABLE');
  });
});

test('an entry of hosts goes before DNS, and may name another host', async () => {
  await using dns = await dnsServer(zone({ 'b.test': ['127.0.0.1'], 'a.test': ['192.0.2.1'] }));
  await using origin = await answering(OK);
  using engine = await startEngine('native', { ...asking(dns), hosts: { 'a.test': 'b.test' } });
  expect(await textOf(await engine.send(requestTo(origin.port, { host: 'a.test' })))).toBe('ok');
  expect(dns.questions).not.toContain('A a.test');
});

test('a DNS server that does not answer is an error of the name, within the time limit', async () => {
  await using dns = await dnsServer(() => null);
  using engine = await startEngine('native', asking(dns, { timeoutMs: 50 }));
  const error = await engine.send(requestTo(80, { host: 'a.test' })).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: 'ERR_ORIGIN_DNS',
    message: 'the name a.test cannot be resolved (ETIMEOUT)',
  });
});

describe('bind', () => {
  test('is where connections begin', async () => {
    await using origin = await answering(OK);
    using engine = await startEngine('native', { bind: { ipv4: '127.0.0.9', ipv6: null } });
    await engine.send(requestTo(origin.port));
    expect(origin.peers[0]!.socket.remoteAddress).toBe('127.0.0.9');
  });

  test('of one family leaves the other alone', async () => {
    await using dns = await dnsServer(zone({ 'a.test': ['::1', '127.0.0.1'] }));
    await using origin = await answering(OK);
    using engine = await startEngine('native', { ...asking(dns), bind: { ipv4: '127.0.0.9', ipv6: null } });
    expect((await engine.send(requestTo(origin.port, { host: 'a.test' }))).serverIp).toBe('127.0.0.1');
    const error = await engine
      .send(requestTo(origin.port, { host: '::1' }))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_ORIGIN_UNREACHABLE',
      message: '::1 is at ::1, and proxy.upstream.bind has no address of that family',
    });
  });

  test('to an address that this machine has not says so', async () => {
    await using origin = await answering(OK);
    using engine = await startEngine('native', { bind: { ipv4: '192.0.2.250', ipv6: null } });
    const error = await engine.send(requestTo(origin.port)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_ORIGIN_UNREACHABLE',
      message: expect.stringContaining('192.0.2.250'),
    });
  });
});

// SOCKS5 parents (RFC 1928, RFC 1929): the bytes of the dialogue, and what each answer becomes.

import { describe, expect, test } from '@jest/globals';
import { DEFAULT_RESOLVER } from '../../../src/proxy/origin/resolver.ts';
import { dnsServer, zone } from '../../support/dnsServer.ts';
import type { RawClient } from '../../support/rawClient.ts';
import type { ScriptedOrigin } from './engine-support.ts';
import { codeOf, requestTo, scriptedOrigin, startEngine, textOf } from './engine-support.ts';
import { parentAt } from './parent-support.ts';

const BOUND = '\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38'; // succeeded, at 127.0.0.1:1080
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Latin-1 bytes as hexadecimal digits. */
function hex(bytes: Buffer | string): string {
  return Buffer.from(bytes as string, 'latin1').toString('hex');
}

/** A parent that takes `asked` bytes at a time and answers each with the next of `answers`. */
function scripted(
  steps: readonly (readonly [take: number, answer: string])[],
): Promise<ScriptedOrigin & { readonly told: string[] }> {
  const told: string[] = [];
  const script = async (peer: RawClient): Promise<void> => {
    for (const [take, answer] of steps) {
      told.push(hex((await peer.take((bytes) => bytes.length >= take)).subarray(0)));
      peer.send(answer);
    }
    await peer.until('\r\n\r\n');
    peer.send(OK);
  };
  return scriptedOrigin(script).then((origin) => Object.assign(origin, { told }));
}

const DOMAIN = `05010003${hex('\x09site.test')}0050`;

describe('the dialogue', () => {
  test('asks for a name that the parent looks up (socks5h)', async () => {
    await using parent = await scripted([
      [3, '\x05\x00'],
      [16, BOUND],
    ]);
    using engine = await startEngine('native', { parents: [parentAt(`socks5h://127.0.0.1:${parent.port}`)] });
    expect(await textOf(await engine.send(requestTo(80, { host: 'site.test' })))).toBe('ok');
    expect(parent.told).toEqual(['050100', DOMAIN]);
    expect(parent.peers[0]!.received().toString()).toMatch(/^GET \/ HTTP\/1\.1\r\n/);
  });

  test('logs in with user and password', async () => {
    await using parent = await scripted([
      [4, '\x05\x02'],
      [12, '\x01\x00'],
      [16, BOUND],
    ]);
    const url = `socks5h://user:s%C3%A9cr@127.0.0.1:${parent.port}`;
    using engine = await startEngine('native', { parents: [parentAt(url)] });
    await textOf(await engine.send(requestTo(80, { host: 'site.test' })));
    expect(parent.told).toEqual([
      '05020002',
      `0104${hex('user')}05${Buffer.from('sécr').toString('hex')}`,
      DOMAIN,
    ]);
  });

  test.each([
    ['IPv4', '192.0.2.1', '05010001c00002010050'],
    ['IPv6', '2001:db8::1', '0501000420010db80000000000000000000000010050'],
  ])('asks for an %s address as such', async (_, host, bytes) => {
    await using parent = await scripted([
      [3, '\x05\x00'],
      [bytes.length / 2, BOUND],
    ]);
    using engine = await startEngine('native', { parents: [parentAt(`socks5h://127.0.0.1:${parent.port}`)] });
    await textOf(await engine.send(requestTo(80, { host })));
    expect(parent.told[1]).toBe(bytes);
  });

  test('looks the name up itself with socks5, and asks for the next address when one is not reached', async () => {
    await using dns = await dnsServer(zone({ 'site.test': ['192.0.2.1', '192.0.2.2'] }));
    const told: string[] = [];
    await using parent = await scriptedOrigin(async (peer, nth) => {
      await peer.take((bytes) => bytes.length >= 3);
      peer.send('\x05\x00');
      told.push(hex(await peer.take((bytes) => bytes.length >= 10)));
      if (nth === 0) return void peer.send('\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00');
      peer.send(BOUND);
      await peer.until('\r\n\r\n');
      peer.send(OK);
    });
    using engine = await startEngine('native', {
      parents: [parentAt(`socks5://127.0.0.1:${parent.port}`)],
      dns: { ...DEFAULT_RESOLVER, servers: [dns.address] },
    });
    await textOf(await engine.send(requestTo(80, { host: 'site.test' })));
    expect(told).toEqual(['05010001c00002010050', '05010001c00002020050']);
  });

  test.each([
    ['a name as bound address', '\x05\x00\x00\x03\x02ab\x00\x50'],
    ['an IPv6 one', `\x05\x00\x00\x04${'\x00'.repeat(18)}`],
  ])('reads an answer with %s to its end and no further', async (_, answer) => {
    await using parent = await scripted([
      [3, '\x05\x00'],
      [16, `${answer}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst`],
    ]);
    using engine = await startEngine('native', { parents: [parentAt(`socks5h://127.0.0.1:${parent.port}`)] });
    expect(await textOf(await engine.send(requestTo(80, { host: 'site.test' })))).toBe('first');
  });

  test('understands answers that come one byte at a time', async () => {
    await using parent = await scriptedOrigin(async (peer) => {
      await peer.take((bytes) => bytes.length >= 3);
      for (const byte of `\x05\x00`) await new Promise((sent) => peer.socket.write(byte, 'latin1', sent));
      await peer.take((bytes) => bytes.length >= 16);
      for (const byte of BOUND) await new Promise((sent) => peer.socket.write(byte, 'latin1', sent));
      await peer.until('\r\n\r\n');
      peer.send(OK);
    });
    using engine = await startEngine('native', { parents: [parentAt(`socks5h://127.0.0.1:${parent.port}`)] });
    expect(await textOf(await engine.send(requestTo(80, { host: 'site.test' })))).toBe('ok');
  });
});

describe('an answer that is no yes', () => {
  const reply = (code: number): string => `\x05${String.fromCharCode(code)}\x00\x01\x00\x00\x00\x00\x00\x00`;
  test.each([
    ['that no method will do', ['\x05\xff'], 'ERR_PARENT_AUTH'],
    ['a wish for a log-in that is not configured', ['\x05\x02'], 'ERR_PARENT_AUTH'],
    ['general failure', ['\x05\x00', reply(1)], 'ERR_PARENT_STATUS'],
    ['not allowed', ['\x05\x00', reply(2)], 'ERR_PARENT_REFUSED'],
    ['network unreachable', ['\x05\x00', reply(3)], 'ERR_PARENT_STATUS'],
    ['host unreachable', ['\x05\x00', reply(4)], 'ERR_PARENT_STATUS'],
    ['connection refused', ['\x05\x00', reply(5)], 'ERR_PARENT_STATUS'],
    ['TTL expired', ['\x05\x00', reply(6)], 'ERR_PARENT_STATUS'],
    ['command not supported', ['\x05\x00', reply(7)], 'ERR_PARENT_STATUS'],
    ['address type not supported', ['\x05\x00', reply(8)], 'ERR_PARENT_STATUS'],
    ['an unknown failure', ['\x05\x00', reply(99)], 'ERR_PARENT_STATUS'],
    ['a failure in two bytes', ['\x05\x00', '\x05\x05'], 'ERR_PARENT_STATUS'],
    ['HTTP', ['HTTP/1.1 400 Bad Request\r\n\r\n'], 'ERR_PARENT_UNAVAILABLE'],
    ['SOCKS4', ['\x04\x5a'], 'ERR_PARENT_UNAVAILABLE'],
    ['an unknown type of address', ['\x05\x00', '\x05\x00\x00\x09\x00\x00'], 'ERR_PARENT_UNAVAILABLE'],
    ['the end', ['\x05\x00', '\x05\x00\x00'], 'ERR_PARENT_UNAVAILABLE'],
  ])('%s', async (_, answers, expected) => {
    await using parent = await scriptedOrigin(async (peer) => {
      const takes = [3, 16];
      for (const [i, answer] of answers.entries()) {
        await peer.take((bytes) => bytes.length >= takes[i]!);
        peer.send(answer);
      }
      peer.end();
    });
    using engine = await startEngine('native', { parents: [parentAt(`socks5h://127.0.0.1:${parent.port}`)] });
    expect(await codeOf(engine.send(requestTo(80, { host: 'site.test' })))).toBe(expected);
    await parent.peers[0]!.closed();
  });

  test('a log-in that is refused', async () => {
    await using parent = await scriptedOrigin(async (peer) => {
      await peer.take((bytes) => bytes.length >= 4);
      peer.send('\x05\x02');
      await peer.take((bytes) => bytes.length >= 5);
      peer.send('\x01\x01');
    });
    const parents = [parentAt(`socks5h://u:secret@127.0.0.1:${parent.port}`)];
    using engine = await startEngine('native', { parents });
    const error = await engine.send(requestTo(80, { host: 'site.test' })).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_PARENT_AUTH',
      message: `the parent proxy socks5h://127.0.0.1:${parent.port} does not accept the configured user and password`,
    });
  });
});

test('does not ask for an address that is denied, however its name resolves', async () => {
  await using dns = await dnsServer(zone({ 'site.test': ['10.0.0.1'] }));
  await using parent = await scriptedOrigin(() => {});
  using engine = await startEngine('native', {
    parents: [parentAt(`socks5://127.0.0.1:${parent.port}`)],
    dns: { ...DEFAULT_RESOLVER, servers: [dns.address] },
    isDeniedAddress: (address) => address === '10.0.0.1',
  });
  expect(await codeOf(engine.send(requestTo(80, { host: 'site.test' })))).toBe('ERR_PROXY_DENIED');
  expect(await codeOf(engine.send(requestTo(80, { host: '10.0.0.1' })))).toBe('ERR_PROXY_DENIED');
  expect(parent.connections()).toBe(0);
});

// HTTP and HTTPS parents: what they are sent, what their answers become, and what goes through their tunnels.

import { describe, expect, test } from '@jest/globals';
import { rawOrigin } from '../../support/originServer.ts';
import { newTestCa, testCa } from '../../support/testCa.ts';
import type { EngineName } from './engine-support.ts';
import { answering, codeOf, requestTo, scriptedOrigin, startEngine, textOf } from './engine-support.ts';
import { parentAt, parentProxy } from './parent-support.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const ENGINES: EngineName[] = ['native', 'undici'];

/** What an error says, and its code. */
async function failureOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = (await promise.then(
    () => new Error('no error'),
    (thrown: unknown) => thrown,
  )) as Error & { code?: string };
  return { code: error.code ?? '', message: error.message };
}

describe.each(ENGINES)('%s engine', (name) => {
  test('sends plain requests in absolute form, logged in', async () => {
    await using parent = await answering(OK);
    using engine = await startEngine(name, { parents: [parentAt(`http://us%20er:p%40ss%3A@127.0.0.1:${parent.port}`)] }); // prettier-ignore
    await textOf(await engine.send(requestTo(80, { host: 'site.test', path: '/a?b' })));
    const head = parent.peers[0]!.received().toString('latin1');
    expect(head).toMatch(/^GET http:\/\/site\.test\/a\?b HTTP\/1\.1\r\n/);
    expect(head).toContain(`Proxy-Authorization: Basic ${Buffer.from('us er:p@ss:').toString('base64')}\r\n`);
  });

  test('keeps the connection to the parent for the next request to that origin, and for no other', async () => {
    await using parent = await scriptedOrigin(async (peer) => {
      for (;;) {
        if ((await peer.take('\r\n\r\n').catch(() => null)) === null) return;
        peer.send(OK);
      }
    });
    using engine = await startEngine(name, { parents: [parentAt(`http://127.0.0.1:${parent.port}`)] });
    for (const host of ['a.test', 'a.test', 'b.test']) {
      await textOf(await engine.send(requestTo(8080, { host })));
    }
    expect(parent.connections()).toBe(2);
  });

  test('says that the parent wants a log-in when it answers 407 to a plain request', async () => {
    await using parent = await parentProxy({ login: 'a:b' });
    using engine = await startEngine(name, { parents: [parentAt(`http://127.0.0.1:${parent.port}`)] });
    const { code, message } = await failureOf(engine.send(requestTo(80, { host: 'site.test' })));
    expect(code).toBe('ERR_PARENT_AUTH');
    expect(message).toBe(
      `the parent proxy http://127.0.0.1:${parent.port} asks for a user and password, and none is configured`,
    );
  });

  test('verifies the origin behind a tunnel, and tells nobody the address of the parent as its own', async () => {
    await using parent = await parentProxy();
    await using origin = await answering(OK, { tls: true });
    using engine = await startEngine(name, { parents: [parentAt(`http://127.0.0.1:${parent.port}`)] });
    const response = await engine.send(requestTo(origin.port, { secure: true }));
    expect(await textOf(response)).toBe('ok');
    expect(response.serverIp).toBeNull();
    expect(parent.seen).toEqual([`CONNECT localhost:${origin.port}`]);
    const sent = engine.send(requestTo(origin.port, { secure: true, serverName: 'other.example' }));
    expect(await codeOf(sent)).toBe('ERR_ORIGIN_UNTRUSTED');
  });

  test('goes to an HTTPS parent that is verified, TLS within TLS', async () => {
    await using parent = await parentProxy({ tls: ['localhost'], login: 'user:word' });
    await using origin = await answering(OK, { tls: true });
    const ca = [(await testCa()).cert];
    const url = `https://user:word@localhost:${parent.port}`;
    using engine = await startEngine(name, { parents: [parentAt(url, { ca })] });
    for (const secure of [true, true, false]) {
      const plain = secure ? origin : await answering(OK);
      expect(await textOf(await engine.send(requestTo(plain.port, { secure })))).toBe('ok');
      if (!secure) await plain.close();
    }
    expect(parent.seen.map((line) => line.split(' ')[0])).toEqual(['CONNECT', 'CONNECT', 'GET']);
  });
});

test.each([
  ['that nobody vouches for', 'localhost', async () => [(await newTestCa('another')).cert]],
  ['for another name', 'other.test', async () => [(await testCa()).cert]],
] as const)('refuses an HTTPS parent with a certificate %s', async (_, named, trust) => {
  await using parent = await parentProxy({ tls: [named] });
  const options = parentAt(`https://localhost:${parent.port}`, { ca: await trust() });
  using engine = await startEngine('native', { parents: [options] });
  const { code, message } = await failureOf(engine.send(requestTo(443, { secure: true })));
  expect(code).toBe('ERR_PARENT_TLS');
  expect(message).toContain(`https://localhost:${parent.port}`);
  expect(parent.seen).toEqual([]);
});

test('loses nothing of what the origin says right behind the answer to CONNECT', async () => {
  await using parent = await scriptedOrigin(async (peer) => {
    await peer.take('\r\n\r\n');
    peer.send(
      'HTTP/1.1 200 Fine\r\nX: y\r\n\r\nHTTP/1.1 101 Switching\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\nfirst',
    );
  });
  using engine = await startEngine('native', {
    parents: [parentAt(`http://127.0.0.1:${parent.port}`)],
  });
  const { upgraded } = await engine.send(requestTo(8080, { host: '2001:db8::1', upgrade: 'a' }));
  upgraded!.socket.destroy();
  expect(upgraded!.rest.toString()).toBe('first');
});

test('CONNECT reads as it should', async () => {
  let head = '';
  await using parent = await scriptedOrigin(async (peer) => {
    head = (await peer.take('\r\n\r\n')).toString();
    peer.end();
  });
  const parents = [parentAt(`http://u:p@127.0.0.1:${parent.port}`)];
  using engine = await startEngine('native', { parents, viaName: 'weir-test' });
  const sent = engine.send(requestTo(8443, { host: '2001:db8::1', secure: true }));
  expect(await codeOf(sent)).toBe('ERR_PARENT_UNAVAILABLE');
  expect(head).toBe(
    'CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\nProxy-Authorization: Basic dTpw\r\nVia: 1.1 weir-test\r\n\r\n',
  );
});

test('OPTIONS * has no path in absolute form', async () => {
  await using parent = await answering(OK);
  using engine = await startEngine('native', { parents: [parentAt(`http://127.0.0.1:${parent.port}`)] });
  await engine.send(requestTo(8080, { host: 'site.test', method: 'OPTIONS', path: '*' }));
  expect(parent.peers[0]!.received().toString()).toMatch(/^OPTIONS http:\/\/site\.test:8080 HTTP\/1\.1\r\n/);
});

test('waits through interim answers to CONNECT', async () => {
  await using parent = await answering('HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 403 Nein\x01\r\nX: y\r\n\r\n');
  using engine = await startEngine('native', {
    parents: [parentAt(`http://u:secret@127.0.0.1:${parent.port}`)],
  });
  const { code, message } = await failureOf(engine.send(requestTo(443, { secure: true, host: 'site.test' })));
  expect(code).toBe('ERR_PARENT_REFUSED');
  expect(message).toBe(
    `the parent proxy http://127.0.0.1:${parent.port} answered 403 Nein\\x01 for site.test:443`,
  );
});

test.each([
  ['a refusal', 'HTTP/1.1 403 No\r\n\r\n', 'ERR_PARENT_REFUSED'],
  ['a refusal without a reason', 'HTTP/1.1 404\r\n\r\n', 'ERR_PARENT_REFUSED'],
  ['a redirection', 'HTTP/1.1 302 There\r\nLocation: http://a/\r\n\r\n', 'ERR_PARENT_REFUSED'],
  ['a wish for a log-in', 'HTTP/1.0 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n', 'ERR_PARENT_AUTH'],
  ['that the site is unreachable', 'HTTP/1.1 503 Sorry\r\n\r\n', 'ERR_PARENT_STATUS'],
  ['another protocol', 'SSH-2.0-x\r\n\r\n', 'ERR_PARENT_UNAVAILABLE'],
  ['another protocol at once', '\x05\xff', 'ERR_PARENT_UNAVAILABLE'],
  ['a malformed status', 'HTTP/1.1 2x0 OK\r\n\r\n', 'ERR_PARENT_UNAVAILABLE'],
  ['a switch of protocols', 'HTTP/1.1 101 Hm\r\n\r\n', 'ERR_PARENT_UNAVAILABLE'],
  ['half a head', 'HTTP/1.1 200 OK\r\nX: y\r\n', 'ERR_PARENT_UNAVAILABLE'],
  ['nothing', '', 'ERR_PARENT_UNAVAILABLE'],
  ['a head without end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(12_000)}`, 'ERR_PARENT_UNAVAILABLE'],
])('%s in answer to CONNECT is an error that names the parent', async (_, bytes, expected) => {
  await using parent = await answering(Buffer.from(bytes, 'latin1'));
  using engine = await startEngine('native', {
    parents: [parentAt(`http://u:secret@127.0.0.1:${parent.port}`)],
  });
  const { code, message } = await failureOf(engine.send(requestTo(443, { secure: true })));
  expect(code).toBe(expected);
  expect(message).toContain(`the parent proxy http://127.0.0.1:${parent.port} `);
  expect(message).not.toContain('secret');
  await parent.peers[0]!.closed();
});

test('gives up a parent that does not answer within the time limit', async () => {
  await using parent = await rawOrigin(() => {});
  for (const scheme of ['http', 'https', 'socks5h']) {
    const parents = [parentAt(`${scheme}://127.0.0.1:${parent.port}`)];
    using engine = await startEngine('native', { parents, connectTimeoutMs: 60 });
    expect(await codeOf(engine.send(requestTo(443, { secure: true })))).toBe('ERR_PARENT_TIMEOUT');
  }
});

test('reads a tunnelled body at the pace of its reader', async () => {
  await using parent = await parentProxy();
  const bytes = Buffer.alloc(3_000_000, 'weir');
  await using origin = await scriptedOrigin(
    async (peer) => {
      await peer.until('\r\n\r\n');
      peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`, bytes);
    },
    { tls: true },
  );
  using engine = await startEngine('native', { parents: [parentAt(`http://127.0.0.1:${parent.port}`)] });
  const response = await engine.send(requestTo(origin.port, { secure: true }));
  expect((await textOf(response)) === bytes.toString('latin1')).toBe(true);
});

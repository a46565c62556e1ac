// What every origin engine must keep of a message, told as one table that runs against each of them.
// Deliberate differences of undici are listed in UNDICI and named in the test that they concern.

import { describe, expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { EngineName } from './engine-support.ts';
import {
  answering,
  asWrittenBy,
  bodyInPieces,
  codeOf,
  pattern,
  requestTo,
  scriptedOrigin,
  startEngine,
  textOf,
} from './engine-support.ts';

/** What undici cannot do otherwise; what it could not do at all goes to its native engine instead. */
const UNDICI = {
  head: 'undici writes host first, content-length last, both in lower case, and adds connection: keep-alive',
  continue: 'undici takes a 100 that it did not ask for as a broken response',
  length304: 'undici gives up the connection after a 304 that states a length',
  reason: 'undici reads the reason phrase as UTF-8',
} as const;

const ENGINES: EngineName[] = ['native', 'undici'];

describe.each(ENGINES)('%s engine', (name) => {
  describe('sends', () => {
    test(`the case, order, duplicates and latin-1 values of fields (${UNDICI.head})`, async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n', { close: false });
      const headers = ['X-b', '1', 'ACCEPT', 'text/*', 'x-B', '2', 'Cookie', 'a=1', 'X-Latin', 'caf\xe9', 'cookie', 'b=2', 'X-Empty', '']; // prettier-ignore
      await engine.send(requestTo(origin.port, { headers }));
      expect(origin.peers[0]!.received().toString('latin1')).toBe(
        asWrittenBy(
          name,
          'GET / HTTP/1.1\r\nHost: origin.test\r\nX-b: 1\r\nACCEPT: text/*\r\nx-B: 2\r\nCookie: a=1\r\n' +
            'X-Latin: caf\xe9\r\ncookie: b=2\r\nX-Empty: \r\n\r\n',
        ),
      );
    });

    test.each(['PURGE', 'M-SEARCH', 'FROB', 'PROPFIND', 'get', 'OPTIONS', 'TRACE', 'DELETE', 'QUERY'])(
      'the method %s unchanged',
      async (method) => {
        using engine = await startEngine(name);
        await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n', { close: false });
        await engine.send(requestTo(origin.port, { method }));
        const head = origin.peers[0]!.received().toString('latin1');
        expect(head).toMatch(new RegExp(`^${method} / HTTP/1\\.1\r\n`));
        expect(head).not.toMatch(/content-length/i);
      },
    );

    test.each([
      '/%zz',
      '//double//slash/',
      '/a;b=c;d',
      '/./a/../b/.',
      '/?',
      '/?q=a b'.replace(' ', '%20'),
      '/caf\xe9?\xff',
      '/{}|\\^`"<>',
      '/%2e%2E/%00',
      `/${'x'.repeat(8000)}`,
      '*',
    ])('the request target %p byte for byte', async (path) => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n', { close: false });
      await engine.send(requestTo(origin.port, { path, method: path === '*' ? 'OPTIONS' : 'GET' }));
      const line = origin.peers[0]!.received().toString('latin1').split('\r\n', 1)[0];
      expect(line).toBe(`${path === '*' ? 'OPTIONS' : 'GET'} ${path} HTTP/1.1`);
    });

    test.each([
      { method: 'POST', length: null, what: 'no length' },
      { method: 'POST', length: '0', what: 'the length 0' },
      { method: 'GET', length: '0', what: 'the length 0' },
      { method: 'DELETE', length: null, what: 'no length' },
    ])('$method with $what and no body as it came', async ({ method, length }) => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n', { close: false });
      const headers = length === null ? [] : ['Content-Length', length];
      await engine.send(requestTo(origin.port, { method, headers }));
      const head = origin.peers[0]!.received().toString('latin1');
      expect(/^content-length: (.*)\r$/im.exec(head)?.[1] ?? null).toBe(length);
      expect(head).not.toMatch(/transfer-encoding/i);
    });

    test.each(['POST', 'GET', 'DELETE', 'FROB'])('a small body with its length on %s', async (method) => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.until('hello');
        peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
      const response = await engine.send(requestTo(origin.port, { method, body: 'hello' }));
      expect(await textOf(response)).toBe('ok');
      expect(origin.peers[0]!.received().toString('latin1')).toBe(
        `${asWrittenBy(name, `${method} / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\n\r\n`)}hello`,
      );
      origin.check();
    });

    test('1 MiB that arrives in pieces, byte for byte', async () => {
      using engine = await startEngine(name);
      const bytes = pattern(1024 * 1024);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.until((got) => got.length >= bytes.length + got.indexOf('\r\n\r\n') + 4);
        peer.send('HTTP/1.1 204 No Content\r\n\r\n');
      });
      await engine.send(
        requestTo(origin.port, { method: 'PUT', body: bodyInPieces(bytes), contentLength: bytes.length }),
      );
      const received = origin.peers[0]!.received();
      expect(received.subarray(received.indexOf('\r\n\r\n') + 4).equals(bytes)).toBe(true);
    });

    test('a chunked body with its announced trailers', async () => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.until(/0\r\nX-Sum: caf\xe9\r\nx-sum: 2\r\n\r\n$/);
        peer.send('HTTP/1.1 204 No Content\r\n\r\n');
      });
      const body = new Body();
      body.push(Buffer.from('hello'));
      body.end(['X-Sum', 'caf\xe9', 'x-sum', '2']);
      await engine.send(
        requestTo(origin.port, { method: 'POST', body, contentLength: null, trailer: 'X-Sum' }),
      );
      expect(origin.peers[0]!.received().toString('latin1')).toBe(
        'POST / HTTP/1.1\r\nHost: origin.test\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n' +
          '5\r\nhello\r\n0\r\nX-Sum: caf\xe9\r\nx-sum: 2\r\n\r\n',
      );
      origin.check();
    });

    test('an empty chunked body as a chunked body', async () => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.until(/\r\n\r\n0\r\n\r\n$/);
        peer.send('HTTP/1.1 204 No Content\r\n\r\n');
      });
      await engine.send(requestTo(origin.port, { method: 'POST', body: '', contentLength: null }));
      expect(origin.peers[0]!.received().toString('latin1')).toMatch(/transfer-encoding: chunked/i);
      origin.check();
    });

    test.each([
      ['longer', 'hello!', 5],
      ['shorter', 'hell', 5],
    ])('never a body that is %s than its length as if it were right', async (_, text, contentLength) => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.closed();
      });
      const body = bodyInPieces(Buffer.from(text), 2);
      const sent = engine.send(requestTo(origin.port, { method: 'POST', body, contentLength }));
      expect(await codeOf(sent)).toBe('ERR_HTTP_FRAMING');
    });
  });

  describe('delivers', () => {
    test('the case, order, duplicates and latin-1 values of fields', async () => {
      using engine = await startEngine(name);
      await using origin = await answering(
        'HTTP/1.1 200 OK\r\nsErver: x\r\nSet-Cookie: a=1\r\nX-Latin: caf\xe9\r\nset-cookie:b=2\r\nX-Empty:\r\n' +
          'CONTENT-LENGTH: 2\r\n\r\nok',
      );
      const response = await engine.send(requestTo(origin.port));
      expect(response.head.headers).toEqual(['sErver', 'x', 'Set-Cookie', 'a=1', 'X-Latin', 'caf\xe9', 'set-cookie', 'b=2', 'X-Empty', '', 'CONTENT-LENGTH', '2']); // prettier-ignore
      expect(response.serverIp).toBe('127.0.0.1');
      expect(await textOf(response)).toBe('ok');
    });

    test.each([
      ['HTTP/1.1 299 Odd  Reason', 299, 'Odd  Reason'],
      ['HTTP/1.1 599 ', 599, ''],
      ['HTTP/1.1 200', 200, ''],
    ])('the status line %p', async (line, status, reason) => {
      using engine = await startEngine(name);
      await using origin = await answering(`${line}\r\nContent-Length: 0\r\n\r\n`);
      const { head, body } = await engine.send(requestTo(origin.port));
      expect([head.status, head.reason, body]).toEqual([status, reason, null]);
    });

    test(`a latin-1 reason phrase (${UNDICI.reason})`, async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 200 D\xe9j\xe0\r\nContent-Length: 0\r\n\r\n');
      const { head } = await engine.send(requestTo(origin.port));
      expect(head.reason).toBe(name === 'native' ? 'D\xe9j\xe0' : 'D\ufffdj\ufffd');
    });

    test('interim responses 102 and 103 before the final one', async () => {
      using engine = await startEngine(name);
      await using origin = await answering(
        'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nlink: </b>\r\n\r\n' +
          'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      );
      const seen: unknown[] = [];
      const response = await engine.send(
        requestTo(origin.port, { onInformation: (...args) => seen.push(args) }),
      );
      expect(seen).toEqual([
        [102, 'Processing', []],
        [103, 'Early Hints', ['Link', '</a>', 'link', '</b>']],
      ]);
      expect(await textOf(response)).toBe('ok');
    });

    test(`a 100 that nobody asked for (${UNDICI.continue})`, async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n');
      const sent = engine.send(requestTo(origin.port));
      if (name === 'undici') expect(await codeOf(sent)).toBe('ERR_ORIGIN_RESPONSE');
      else expect((await sent).head.status).toBe(204);
    });

    test('trailers of a chunked body, extensions of its chunks dropped', async () => {
      using engine = await startEngine(name);
      await using origin = await answering(
        'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n' +
          '2;a=b\r\nhe\r\n3;c="d;e"\r\nllo\r\n0;last\r\nX-Sum: caf\xe9\r\nx-sum: 2\r\n\r\n',
      );
      const response = await engine.send(requestTo(origin.port));
      expect(response.facts.trailer).toBe('X-Sum');
      expect(await textOf(response)).toBe('hello');
      expect(response.body!.trailers).toEqual(['X-Sum', 'caf\xe9', 'x-sum', '2']);
    });

    test('an empty chunked body as a body', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
      const response = await engine.send(requestTo(origin.port));
      expect(response.framing.kind).toBe('chunked');
      expect(response.body).not.toBeNull();
      expect(await textOf(response)).toBe('');
    });

    test.each([
      ['HEAD with a length', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'],
      ['HEAD of a chunked resource', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
      ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
      ['304 with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n'],
    ])(`%s without a body, and keeps the connection (${UNDICI.length304})`, async (_, method, bytes) => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        for (;;) {
          await peer.take('\r\n\r\n');
          peer.send(bytes);
        }
      });
      for (let i = 0; i < 2; i++) {
        const response = await engine.send(requestTo(origin.port, { method }));
        expect(response.body).toBeNull();
      }
      expect(origin.connections()).toBe(name === 'undici' && bytes.includes('304') ? 2 : 1);
    });

    test('the body of an HTTP/1.0 origin up to the close', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.0 200 OK\r\nX: y\r\n\r\nall of it');
      const response = await engine.send(requestTo(origin.port));
      expect(response.framing.kind).toBe('close');
      expect(await textOf(response)).toBe('all of it');
    });

    test.each([
      ['a length', (bytes: Buffer) => [`Content-Length: ${bytes.length}\r\n\r\n`, bytes]],
      [
        'chunks',
        (bytes: Buffer) => [
          'Transfer-Encoding: chunked\r\n\r\n',
          ...[0, 1, 2, 3].flatMap((i) => [
            '40000\r\n',
            bytes.subarray(i * 0x40000, (i + 1) * 0x40000),
            '\r\n',
          ]),
          '0\r\n\r\n',
        ],
      ],
      ['the close', (bytes: Buffer) => ['Connection: close\r\n\r\n', bytes]],
    ] as const)('1 MiB framed by %s byte for byte', async (_, frame) => {
      using engine = await startEngine(name);
      const bytes = pattern(1024 * 1024);
      const parts = frame(bytes).map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
      await using origin = await answering(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n'), ...parts]));
      const response = await engine.send(requestTo(origin.port));
      expect((await textOf(response)) === bytes.toString('latin1')).toBe(true);
    });

    test('a response that comes one byte at a time', async () => {
      using engine = await startEngine(name);
      const bytes =
        'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '5\r\nhello\r\n0\r\nX: y\r\n\r\n';
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.until('\r\n\r\n');
        peer.socket.setNoDelay(true);
        for (const byte of bytes) {
          peer.send(byte);
          await new Promise(setImmediate);
        }
      });
      const response = await engine.send(requestTo(origin.port));
      expect(await textOf(response)).toBe('hello');
      expect(response.body!.trailers).toEqual(['X', 'y']);
    });

    test('the same over TLS', async () => {
      using engine = await startEngine(name);
      const bytes = pattern(200_000);
      await using origin = await scriptedOrigin(
        async (peer) => {
          await peer.until((got) => got.length >= bytes.length + got.indexOf('\r\n\r\n') + 4);
          peer.send('HTTP/1.1 200 OK\r\nX-Secure: yes\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n', bytes);
          peer.send('\r\n0\r\nX-Sum: 1\r\n\r\n');
        },
        { tls: true },
      );
      const response = await engine.send(
        requestTo(origin.port, {
          secure: true,
          method: 'POST',
          body: bodyInPieces(bytes),
          contentLength: bytes.length,
        }),
      );
      expect(response.head.headers).toEqual(['X-Secure', 'yes', 'Transfer-Encoding', 'chunked']);
      expect((await textOf(response)) === bytes.toString('latin1')).toBe(true);
      expect(response.body!.trailers).toEqual(['X-Sum', '1']);
      const received = origin.peers[0]!.received();
      expect(received.subarray(received.indexOf('\r\n\r\n') + 4).equals(bytes)).toBe(true);
    });

    test('a small body together with its head', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', {
        close: false,
      });
      const response = await engine.send(requestTo(origin.port));
      expect(response.body!.ended).toBe(true);
      expect(await textOf(response)).toBe('ok');
    });
  });

  describe('upgrades', () => {
    test('hands over the connection with the bytes behind the 101', async () => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.take('\r\n\r\n');
        peer.send('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: frob\r\nX-A: 1\r\n\r\nfirst ');
        await peer.until('ping');
        peer.send('pong');
      });
      const response = await engine.send(requestTo(origin.port, { upgrade: 'frob' }));
      const { socket, rest } = response.upgraded!;
      expect([response.head.status, response.head.reason, response.body]).toEqual([101, 'Switching', null]);
      expect(rest.toString()).toBe('first ');
      const pong = new Promise((resolve) =>
        socket.once('data', (bytes: Buffer) => resolve(bytes.toString())),
      );
      socket.resume();
      socket.write('ping');
      expect(await pong).toBe('pong');
      socket.destroy();
      origin.check();
    });

    test('sends Connection and Upgrade', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 426 No\r\nContent-Length: 0\r\n\r\n');
      await engine.send(requestTo(origin.port, { upgrade: 'websocket' }));
      expect(origin.peers[0]!.received().toString('latin1')).toBe(
        'GET / HTTP/1.1\r\nHost: origin.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      );
    });

    test('delivers a refusal with its body as a response', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      const response = await engine.send(requestTo(origin.port, { upgrade: 'websocket' }));
      expect([response.head.status, response.upgraded]).toEqual([403, null]);
      expect(await textOf(response)).toBe('no');
    });

    test('refuses a 101 that nobody asked for', async () => {
      using engine = await startEngine(name);
      await using origin = await answering(
        'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
      );
      expect(await codeOf(engine.send(requestTo(origin.port)))).toBe('ERR_ORIGIN_RESPONSE');
    });
  });
});

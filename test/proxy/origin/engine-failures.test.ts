// What origin engines make of origins that break the protocol, break off, cannot be reached or cannot be
// trusted: a typed error each, and never a response that looks complete when it is not (C-39).

import { describe, expect, test } from '@jest/globals';
import type { TLSSocket } from 'node:tls';
import { Body } from '../../../src/http/body.ts';
import type { OriginEngine, OriginRequest } from '../../../src/proxy/origin/engine.ts';
import { rawOrigin } from '../../support/originServer.ts';
import { newTestCa, testCa } from '../../support/testCa.ts';
import type { EngineName } from './engine-support.ts';
import {
  answering,
  bodyInPieces,
  codeOf,
  requestTo,
  scriptedOrigin,
  startEngine,
  textOf,
} from './engine-support.ts';

/** Where undici's parser is more tolerant or names something else, and why that is harmless. */
const UNDICI = {
  version10: 'undici does not say which version answered, so chunks of an HTTP/1.0 origin pass',
  version20: 'undici reads a status line of HTTP/2.0 like one of HTTP/1.1',
} as const;

const ENGINES: EngineName[] = ['native', 'undici'];

/** Sends and reads to the end: an error counts wherever it comes. */
function outcome(engine: OriginEngine, request: OriginRequest): Promise<string> {
  return codeOf(engine.send(request).then(textOf));
}

describe.each(ENGINES)('%s engine', (name) => {
  describe('refuses', () => {
    const OK = 'HTTP/1.1 200 OK\r\n';
    test.each([
      ['both lengths', `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
      ['both lengths, the other way round', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`], // prettier-ignore
      ['a doubled length', `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`],
      ['two lengths', `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`],
      ['a list of lengths', `${OK}Content-Length: 2, 2\r\n\r\nok`],
      ['a negative length', `${OK}Content-Length: -1\r\n\r\n`],
      ['a length in hexadecimal', `${OK}Content-Length: 0x2\r\n\r\nok`],
      ['another coding', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
      ['a coding behind chunked', `${OK}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
      ['chunked twice', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
      ['a chunk size that is none', `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n`],
      ['a chunk size with 0x', `${OK}Transfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n`],
      ['a chunk size beyond all numbers', `${OK}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok`],
      ['a chunk longer than its size', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n`],
      ['a bare LF behind a chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n`],
      ['bare LFs in the head', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
      ['one bare LF in the head', `${OK}X: y\nContent-Length: 2\r\n\r\nok`],
      ['a bare CR in a value', `${OK}X: a\rb\r\nContent-Length: 2\r\n\r\nok`],
      ['NUL in a value', `${OK}X: a\0b\r\nContent-Length: 2\r\n\r\nok`],
      ['a blank before the colon', `${OK}Content-Length : 2\r\n\r\nok`],
      ['a line without colon', `${OK}nonsense\r\n\r\nok`],
      ['a head of 70 KB', `${OK}X: ${'y'.repeat(70_000)}\r\n\r\n`],
      ['201 fields', `${OK}${'A: b\r\n'.repeat(201)}\r\n`],
      ['a greeting of another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
      ['binary bytes', '\x00\x01\x02\xff\xfe\r\n\r\n'],
      ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
      ['HTTP/3', 'HTTP/3 200 OK\r\n\r\n'],
      ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
      ['a broken trailer', `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n`],
    ])('%s', async (_, bytes) => {
      using engine = await startEngine(name);
      await using origin = await answering(Buffer.from(bytes, 'latin1'));
      expect(await outcome(engine, requestTo(origin.port))).toBe('ERR_ORIGIN_RESPONSE');
    });

    test(`chunks from an HTTP/1.0 origin (${UNDICI.version10})`, async () => {
      using engine = await startEngine(name);
      await using origin = await answering(
        'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      );
      expect(await outcome(engine, requestTo(origin.port))).toBe(
        name === 'native' ? 'ERR_ORIGIN_RESPONSE' : 'no error',
      );
    });

    test(`HTTP/2.0 (${UNDICI.version20})`, async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok');
      const expected = name === 'native' ? 'ERR_ORIGIN_RESPONSE' : 'no error';
      expect(await outcome(engine, requestTo(origin.port))).toBe(expected);
    });

    test('interim responses without end, after 32 of them', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000));
      let seen = 0;
      const request = requestTo(origin.port, { onInformation: () => seen++ });
      expect(await outcome(engine, request)).toBe('ERR_ORIGIN_RESPONSE');
      expect(seen).toBe(32);
    });

    test('bytes that nobody asked for, by closing the connection', async () => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.take('\r\n\r\n');
        peer.send(
          'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nX-Poison: 1\r\nContent-Length: 0\r\n\r\n',
        );
        await peer.closed();
      });
      for (let i = 0; i < 2; i++) {
        const { head } = await engine.send(requestTo(origin.port));
        expect(head.status).toBe(204);
      }
      expect(origin.connections()).toBe(2);
    });
  });

  describe('never takes for complete', () => {
    const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    const CASES = [
      ['nothing at all', ''],
      ['half a status line', 'HTTP/1.1 2'],
      ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
      ['an interim response alone', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
      ['half of a body with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'],
      ['half a chunk', `${CHUNKED}a\r\nhello`],
      ['chunks without the last one', `${CHUNKED}5\r\nhello\r\n`],
      ['half a last chunk', `${CHUNKED}5\r\nhello\r\n0\r\n`],
      ['half a trailer', `${CHUNKED}5\r\nhello\r\n0\r\nX-Sum: `],
    ] as const;

    test.each(CASES)('%s, when the origin closes', async (_, bytes) => {
      using engine = await startEngine(name);
      await using origin = await answering(bytes);
      expect(await outcome(engine, requestTo(origin.port))).toBe('ERR_ORIGIN_CLOSED');
    });

    test.each([...CASES, ['a body up to the close', 'HTTP/1.1 200 OK\r\n\r\nhello'] as const])(
      '%s, when the origin resets',
      async (_, bytes) => {
        using engine = await startEngine(name);
        await using origin = await scriptedOrigin(async (peer) => {
          await peer.until('\r\n\r\n');
          if (bytes !== '') await new Promise((sent) => peer.socket.write(bytes, sent));
          if (bytes.includes('\r\n\r\n') && !bytes.includes('103')) await headSeen;
          peer.socket.resetAndDestroy();
        });
        let tellHeadSeen = (): void => {};
        const headSeen = new Promise<void>((resolve) => (tellHeadSeen = resolve));
        const sent = engine.send(requestTo(origin.port)).then((response) => {
          tellHeadSeen();
          return textOf(response);
        });
        expect(await codeOf(sent)).toBe('ERR_ORIGIN_CLOSED');
      },
    );

    test('a body over TLS that is cut', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello', {
        tls: true,
      });
      expect(await outcome(engine, requestTo(origin.port, { secure: true }))).toBe('ERR_ORIGIN_CLOSED');
    });
  });

  describe('cannot connect', () => {
    test('to a name that does not exist', async () => {
      using engine = await startEngine(name);
      const sent = engine.send(requestTo(80, { host: 'no-such-name.invalid' }));
      expect(await codeOf(sent)).toBe('ERR_ORIGIN_DNS');
    });

    test('to a port where nobody listens', async () => {
      using engine = await startEngine(name);
      const origin = await rawOrigin(() => {});
      await origin.close();
      expect(await codeOf(engine.send(requestTo(origin.port)))).toBe('ERR_ORIGIN_UNREACHABLE');
    });

    test('to a port of Weir itself, by address or by name', async () => {
      using engine = await startEngine(name, { isOwnPort: () => true });
      await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n');
      for (const host of ['127.0.0.1', 'localhost']) {
        expect(await codeOf(engine.send(requestTo(origin.port, { host })))).toBe('ERR_PROXY_SELF');
      }
    });

    test('to an address that is denied', async () => {
      using engine = await startEngine(name, { isDeniedAddress: (address) => address === '127.0.0.1' });
      await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n');
      expect(await codeOf(engine.send(requestTo(origin.port, { host: 'localhost' })))).toBe(
        'ERR_PROXY_DENIED',
      );
    });

    test('within the time limit when the handshake is not answered', async () => {
      using engine = await startEngine(name, { connectTimeoutMs: 150 });
      await using origin = await rawOrigin(() => {});
      const sent = engine.send(requestTo(origin.port, { secure: true }));
      expect(await codeOf(sent)).toBe('ERR_ORIGIN_TIMEOUT');
    });

    test('and then cancels the body of the request', async () => {
      using engine = await startEngine(name);
      const origin = await rawOrigin(() => {});
      await origin.close();
      let cancelled: Error | null = null;
      const body = new Body({ resume() {}, cancel: (reason) => (cancelled = reason) }, 5);
      const sent = engine.send(requestTo(origin.port, { method: 'POST', body, contentLength: 5 }));
      await codeOf(sent);
      expect(cancelled).toMatchObject({ code: 'ERR_ORIGIN_UNREACHABLE' });
    });

    test('but reaches an overridden name at its address', async () => {
      using engine = await startEngine(name, { hosts: { 'far.test': '127.0.0.1' } });
      await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n');
      const { head } = await engine.send(requestTo(origin.port, { host: 'far.test' }));
      expect(head.status).toBe(204);
    });
  });

  describe('does not trust', () => {
    test('a certificate of an unknown authority', async () => {
      using engine = await startEngine(name);
      const ca = await newTestCa('Somebody else');
      await using origin = await answering('', { tls: true, ca });
      const sent = engine.send(requestTo(origin.port, { secure: true }));
      expect(await codeOf(sent)).toBe('ERR_ORIGIN_UNTRUSTED');
    });

    test('a self-signed certificate', async () => {
      using engine = await startEngine(name);
      const { key, cert } = await newTestCa('localhost');
      await using origin = await answering('', { tls: { key, cert } });
      const sent = engine.send(requestTo(origin.port, { secure: true }));
      expect(await codeOf(sent)).toBe('ERR_ORIGIN_UNTRUSTED');
    });

    test('a certificate for another name', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('', { tls: true, names: ['other.test'] });
      const sent = engine.send(requestTo(origin.port, { secure: true }));
      await expect(sent).rejects.toMatchObject({
        code: 'ERR_ORIGIN_UNTRUSTED',
        message: expect.stringContaining('other.test') as unknown,
      });
    });

    test('an expired certificate', async () => {
      using engine = await startEngine(name);
      const tls = await (await testCa()).issue(['localhost'], { days: 0 });
      await using origin = await answering('', { tls });
      const sent = engine.send(requestTo(origin.port, { secure: true }));
      expect(await codeOf(sent)).toBe('ERR_ORIGIN_UNTRUSTED');
    });

    test('any of them unless verification is off', async () => {
      using engine = await startEngine(name, { verify: false });
      await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n', {
        tls: true,
        ca: await newTestCa('Somebody else'),
      });
      const { head } = await engine.send(requestTo(origin.port, { secure: true }));
      expect(head.status).toBe(204);
    });

    test('a server that speaks no TLS, and says so', async () => {
      using engine = await startEngine(name);
      await using origin = await rawOrigin((socket) => {
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      });
      const sent = engine.send(requestTo(origin.port, { secure: true }));
      expect(await codeOf(sent)).toBe('ERR_ORIGIN_TLS');
    });

    test('a name other than the one that was asked for, sent as SNI', async () => {
      using engine = await startEngine(name);
      await using origin = await answering('HTTP/1.1 204 No Content\r\n\r\n', { tls: true });
      const options = { secure: true, host: '127.0.0.1' };
      await engine.send(requestTo(origin.port, { ...options, serverName: 'a.origin.test' }));
      expect((origin.peers[0]!.socket as TLSSocket).servername).toBe('a.origin.test');
      const wrong = engine.send(requestTo(origin.port, { ...options, serverName: 'elsewhere.test' }));
      expect(await codeOf(wrong)).toBe('ERR_ORIGIN_UNTRUSTED');
    });
  });

  describe('gives up in time', () => {
    test('on an origin that does not answer', async () => {
      using engine = await startEngine(name, { responseTimeoutMs: 100 });
      await using origin = await rawOrigin((socket) => void socket.resume());
      expect(await codeOf(engine.send(requestTo(origin.port)))).toBe('ERR_ORIGIN_TIMEOUT');
    });

    test('on an origin that sends nothing but interim responses', async () => {
      using engine = await startEngine(name, { responseTimeoutMs: 100 });
      await using origin = await answering('HTTP/1.1 102 Processing\r\n\r\n', { close: false });
      expect(await codeOf(engine.send(requestTo(origin.port)))).toBe('ERR_ORIGIN_TIMEOUT');
    });

    test('on an origin that stops reading a body', async () => {
      using engine = await startEngine(name, { responseTimeoutMs: 100 });
      await using origin = await rawOrigin((socket) => void socket.pause());
      const body = bodyInPieces(Buffer.alloc(32 * 1024 * 1024));
      const sent = engine.send(
        requestTo(origin.port, { method: 'PUT', body, contentLength: body.declaredLength }),
      );
      expect(await codeOf(sent)).toBe('ERR_ORIGIN_TIMEOUT');
    });

    test('but not on a client that sends its body slowly', async () => {
      using engine = await startEngine(name, { responseTimeoutMs: 300 });
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.until(/end$/);
        peer.send('HTTP/1.1 204 No Content\r\n\r\n');
      });
      const body = new Body();
      body.push(Buffer.from('start '));
      const sent = engine.send(requestTo(origin.port, { method: 'PUT', body, contentLength: 9 }));
      setTimeout(() => {
        body.push(Buffer.from('end'));
        body.end();
      }, 900);
      expect((await sent).head.status).toBe(204);
    });
  });
});

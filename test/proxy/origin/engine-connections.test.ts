// How origin engines use connections: kept, repeated, never shared after a login, in step with slow
// readers on both sides, and gone as soon as nobody wants the answer.

import { describe, expect, test } from '@jest/globals';
import { HttpError } from '../../../src/errors.ts';
import type { Body } from '../../../src/http/body.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import type { RawClient } from '../../support/rawClient.ts';
import type { EngineName, ScriptedOrigin } from './engine-support.ts';
import {
  answering,
  bodyInPieces,
  codeOf,
  pattern,
  requestTo,
  scriptedOrigin,
  startEngine,
  textOf,
} from './engine-support.ts';

const ENGINES: EngineName[] = ['native', 'undici'];
const NO_CONTENT = 'HTTP/1.1 204 No Content\r\n\r\n';
const MIB = 1024 * 1024;

/** Answers every request on every connection with the same bytes. */
function keepAliveOrigin(bytes = NO_CONTENT, tls = false): Promise<ScriptedOrigin> {
  return scriptedOrigin(
    async (peer) => {
      for (;;) {
        const head = await peer.take('\r\n\r\n').catch(() => null);
        if (head === null) return;
        peer.send(bytes);
      }
    },
    { tls },
  );
}

/** Resolves when `value()` has not changed for `forMs`. */
async function settled(value: () => number, forMs = 250): Promise<number> {
  let last = value();
  let since = performance.now();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (value() !== last) {
      last = value();
      since = performance.now();
    } else if (last > 0 && performance.now() - since >= forMs) return last;
  }
}

describe.each(ENGINES)('%s engine', (name) => {
  describe('uses a connection', () => {
    test.each([
      ['plain', false],
      ['TLS', true],
    ])('again for the next request (%s)', async (_, secure) => {
      using engine = await startEngine(name);
      await using origin = await keepAliveOrigin('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', secure);
      for (let i = 0; i < 5; i++) {
        expect(await textOf(await engine.send(requestTo(origin.port, { secure })))).toBe('ok');
      }
      expect(origin.connections()).toBe(1);
    });

    test.each([
      ['the origin says close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
      ['the origin speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
      ['the origin keeps it for no time', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok'], // prettier-ignore
    ])('once when %s', async (_, bytes) => {
      using engine = await startEngine(name);
      await using origin = await keepAliveOrigin(bytes);
      for (let i = 0; i < 2; i++) await textOf(await engine.send(requestTo(origin.port)));
      expect(origin.connections()).toBe(2);
    });

    test('for one exchange at a time', async () => {
      using engine = await startEngine(name);
      await using origin = await keepAliveOrigin();
      await Promise.all(Array.from({ length: 5 }, () => engine.send(requestTo(origin.port))));
      expect(origin.connections()).toBe(5);
    });

    test('never for another server name', async () => {
      using engine = await startEngine(name);
      await using origin = await keepAliveOrigin(NO_CONTENT, true);
      for (const serverName of ['localhost', 'a.origin.test', 'localhost']) {
        await engine.send(requestTo(origin.port, { secure: true, serverName }));
      }
      expect(origin.connections()).toBe(2);
    });

    test.each([
      ['the request carries Negotiate', ['Authorization', 'Negotiate YII='], NO_CONTENT],
      ['the request carries NTLM', ['authorization', 'NTLM TlRM'], NO_CONTENT],
      ['a 401 offers NTLM', [], 'HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n'],
      [
        'a 401 offers Negotiate as its second choice',
        [],
        'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="a"\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 4\r\n\r\nbody',
      ],
      [
        'a 401 offers it in a list, with Keep-Alive',
        [],
        'HTTP/1.1 401 No\r\nKeep-Alive: timeout=60\r\nWWW-Authenticate: Basic realm="a", Negotiate\r\nContent-Length: 4\r\n\r\nbody',
      ],
    ])(
      'never again after a login that holds for the connection, without a client to hold it for: %s',
      async (_, headers, bytes) => {
        using engine = await startEngine(name);
        await using origin = await keepAliveOrigin(bytes);
        for (let i = 0; i < 2; i++) await textOf(await engine.send(requestTo(origin.port, { headers })));
        expect(origin.connections()).toBe(2);
      },
    );

    test('again after a login of the request alone', async () => {
      using engine = await startEngine(name);
      await using origin = await keepAliveOrigin();
      const headers = ['Authorization', 'Basic TlRMTTpOZWdvdGlhdGU='];
      for (let i = 0; i < 2; i++) await engine.send(requestTo(origin.port, { headers }));
      expect(origin.connections()).toBe(1);
    });

    test('no more once the engine is closed', async () => {
      const engine = await startEngine(name);
      await using origin = await keepAliveOrigin();
      await engine.send(requestTo(origin.port));
      engine.close();
      await origin.peers[0]!.closed();
    });
  });

  describe('on a reused connection that the origin has given up', () => {
    /** The first connection answers once; at the second request it does `end`. */
    function forgetful(end: (peer: RawClient) => void): Promise<ScriptedOrigin> {
      return scriptedOrigin(async (peer, nth) => {
        await peer.take('\r\n\r\n');
        peer.send(NO_CONTENT);
        await peer.until('\r\n\r\n');
        if (nth === 0) return end(peer);
        peer.send(NO_CONTENT);
      });
    }
    const ENDINGS = [
      ['closes', (peer: RawClient) => void peer.socket.end()],
      ['resets', (peer: RawClient) => void peer.socket.resetAndDestroy()],
    ] as const;

    test.each(ENDINGS)('repeats a GET once when it %s', async (_, end) => {
      using engine = await startEngine(name);
      await using origin = await forgetful(end);
      await engine.send(requestTo(origin.port));
      expect((await engine.send(requestTo(origin.port))).head.status).toBe(204);
      expect(origin.connections()).toBe(2);
    });

    test.each(ENDINGS)('does not repeat a POST when it %s', async (_, end) => {
      using engine = await startEngine(name);
      await using origin = await forgetful(end);
      await engine.send(requestTo(origin.port));
      const sent = engine.send(requestTo(origin.port, { method: 'POST', body: 'order' }));
      expect(await codeOf(sent)).toBe('ERR_ORIGIN_CLOSED');
      expect(origin.connections()).toBe(1);
    });

    test('repeats a PUT with its body and trailers', async () => {
      using engine = await startEngine(name);
      const seen: string[] = [];
      await using origin = await scriptedOrigin(async (peer, nth) => {
        if (nth === 0) {
          await peer.take('\r\n\r\n');
          peer.send(NO_CONTENT);
        }
        seen.push((await peer.take(/0\r\nX: y\r\n\r\n$/)).toString());
        if (nth === 0) peer.end();
        else peer.send(NO_CONTENT);
      });
      await engine.send(requestTo(origin.port, { upgrade: 'none' })); // goes to the native pool of both engines
      const body = bodyWithTrailers('hello', ['X', 'y']);
      await engine.send(requestTo(origin.port, { method: 'PUT', body, contentLength: null }));
      expect(seen).toHaveLength(2);
      expect(seen[1]).toBe(seen[0]);
    });

    test('repeats only once', async () => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer, nth) => {
        if (nth === 0) {
          await peer.take('\r\n\r\n');
          peer.send(NO_CONTENT);
        }
        await peer.until('\r\n\r\n');
        peer.end();
      });
      await engine.send(requestTo(origin.port));
      expect(await codeOf(engine.send(requestTo(origin.port)))).toBe('ERR_ORIGIN_CLOSED');
      expect(origin.connections()).toBe(2);
    });

    test('does not repeat when an answer had begun', async () => {
      using engine = await startEngine(name);
      await using origin = await forgetful((peer) => {
        peer.send('HTTP/1.1 2');
        peer.end();
      });
      await engine.send(requestTo(origin.port));
      expect(await codeOf(engine.send(requestTo(origin.port)))).toBe('ERR_ORIGIN_CLOSED');
      expect(origin.connections()).toBe(1);
    });
  });

  describe('when the origin answers before it has read the request', () => {
    test('delivers the answer, stops sending and gives up the connection', async () => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.until('\r\n\r\n');
        peer.send('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
      });
      const body = bodyInPieces(Buffer.alloc(64 * MIB));
      const response = await engine.send(
        requestTo(origin.port, { method: 'POST', body, contentLength: 64 * MIB }),
      );
      expect(response.head.status).toBe(413);
      expect(await textOf(response)).toBe('no');
      await origin.peers[0]!.closed();
      expect(body.settled).toBe(true);
      expect(body.pushedBytes).toBeLessThan(64 * MIB);
    });

    test('delivers an answer that streams while the request is still being sent', async () => {
      using engine = await startEngine(name);
      await using origin = await scriptedOrigin(async (peer) => {
        await peer.until('\r\n\r\n');
        peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n');
        await peer.until((got) => got.length > MIB);
        peer.send('4\r\nlate\r\n0\r\n\r\n');
      });
      const bytes = pattern(MIB);
      const body = bodyInPieces(bytes);
      const response = await engine.send(
        requestTo(origin.port, { method: 'POST', body, contentLength: MIB }),
      );
      expect(await textOf(response)).toBe('earlylate');
      expect(origin.peers[0]!.received().subarray(-MIB).equals(bytes)).toBe(true);
    });
  });

  describe('is cancelled', () => {
    const gone = new HttpError('ERR_ABORTED', 'the client has left');

    async function timeToClose(peer: RawClient, cancel: () => void): Promise<number> {
      const start = performance.now();
      cancel();
      await peer.closed();
      return performance.now() - start;
    }

    /** The least of three times: others use the machine too. */
    async function leastTime(scenario: () => Promise<number>): Promise<number> {
      return Math.min(await scenario(), await scenario(), await scenario());
    }

    test.each([
      ['while it waits for an answer', ''],
      ['in the middle of a head', 'HTTP/1.1 200 OK\r\nX: '],
    ])('%s: rejects with the reason and closes within 100 ms', async (_, bytes) => {
      const scenario = async (): Promise<number> => {
        using engine = await startEngine(name);
        let asked = (): void => {};
        const received = new Promise<void>((resolve) => (asked = resolve));
        await using origin = await scriptedOrigin(async (peer) => {
          await peer.until('\r\n\r\n');
          peer.send(bytes);
          asked();
        });
        const cancellation = new Cancellation();
        const code = codeOf(engine.send(requestTo(origin.port, { cancellation })));
        await received;
        const time = await timeToClose(origin.peers[0]!, () => cancellation.cancel(gone));
        expect(await code).toBe('ERR_ABORTED');
        return time;
      };
      expect(await leastTime(scenario)).toBeLessThan(100);
    });

    test.each([
      ['its cancellation', (cancellation: Cancellation, _: Body) => cancellation.cancel(gone)],
      ['its body', (_: Cancellation, body: Body) => body.cancel(gone)],
    ])('in the middle of a body by %s: closes within 100 ms', async (_, how) => {
      const scenario = async (): Promise<number> => {
        using engine = await startEngine(name);
        await using origin = await answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello', {
          close: false,
        });
        const cancellation = new Cancellation();
        const { body } = await engine.send(requestTo(origin.port, { cancellation }));
        const time = await timeToClose(origin.peers[0]!, () => how(cancellation, body!));
        expect(body!.error).toBe(gone);
        return time;
      };
      expect(await leastTime(scenario)).toBeLessThan(100);
    });

    test('while it sends a body: closes within 100 ms and cancels the body', async () => {
      const scenario = async (): Promise<number> => {
        using engine = await startEngine(name);
        let asked = (): void => {};
        const received = new Promise<void>((resolve) => (asked = resolve));
        await using origin = await scriptedOrigin(async (peer) => {
          await peer.until('\r\n\r\n');
          peer.socket.removeAllListeners('data').resume(); // the bytes are of no interest
          asked();
        });
        const cancellation = new Cancellation();
        const body = bodyInPieces(Buffer.alloc(64 * MIB));
        const options = { method: 'PUT', body, contentLength: 64 * MIB, cancellation };
        const code = codeOf(engine.send(requestTo(origin.port, options)));
        await received;
        const time = await timeToClose(origin.peers[0]!, () => cancellation.cancel(gone));
        expect(await code).toBe('ERR_ABORTED');
        expect(body.settled).toBe(true);
        return time;
      };
      expect(await leastTime(scenario)).toBeLessThan(100);
    });

    test('before it was sent: opens nothing that stays', async () => {
      using engine = await startEngine(name);
      await using origin = await keepAliveOrigin();
      const cancellation = new Cancellation();
      cancellation.cancel(gone);
      expect(await codeOf(engine.send(requestTo(origin.port, { cancellation })))).toBe('ERR_ABORTED');
      for (const peer of origin.peers) expect((await peer.closed()).length).toBe(0);
    });
  });

  describe('keeps in step', () => {
    test('with a reader that is slow: the origin is stopped, memory is bounded, all bytes come', async () => {
      using engine = await startEngine(name);
      const size = 48 * MIB;
      let written = 0;
      await using origin = await scriptedOrigin(async ({ socket, until }) => {
        await until('\r\n\r\n');
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        const piece = Buffer.alloc(MIB / 4);
        while (written < size) {
          written += piece.length;
          if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve));
        }
      });
      const { body } = await engine.send(requestTo(origin.port));
      expect(await settled(() => written)).toBeLessThan(24 * MIB);
      expect(body!.queuedBytes).toBeLessThan(256 * 1024);
      let got = 0;
      let calls = 0;
      await new Promise<void>((resolve, reject) => {
        body!.consume({
          onData(chunk) {
            got += chunk.length;
            if (++calls % 50 !== 0) return true;
            setImmediate(() => body!.resume());
            return false;
          },
          onEnd: () => resolve(),
          onError: reject,
        });
      });
      expect(got).toBe(size);
    });

    test('with an origin that reads slowly: the sender is stopped, all bytes go', async () => {
      using engine = await startEngine(name);
      const size = 48 * MIB;
      let received = 0;
      let go = (): void => {};
      const released = new Promise<void>((resolve) => (go = resolve));
      await using origin = await scriptedOrigin(async ({ socket }) => {
        socket.removeAllListeners('data');
        socket.pause();
        await released;
        let head = -1;
        socket.on('data', (chunk: Buffer) => {
          if (head < 0) head = chunk.indexOf('\r\n\r\n') + 4;
          received += chunk.length;
          if (received === size + head) socket.write(NO_CONTENT);
        });
        socket.resume();
      });
      const body = bodyInPieces(Buffer.alloc(size), 256 * 1024);
      const sent = engine.send(requestTo(origin.port, { method: 'PUT', body, contentLength: size }));
      expect(await settled(() => body.pushedBytes)).toBeLessThan(24 * MIB);
      go();
      expect((await sent).head.status).toBe(204);
    });
  });
});

function bodyWithTrailers(text: string, trailers: string[]): Body {
  const body = bodyInPieces(Buffer.alloc(0));
  body.push(Buffer.from(text));
  body.end(trailers);
  return body;
}

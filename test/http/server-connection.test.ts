// The client's side of a connection over real sockets: order, persistence, early answers, time limits,
// clients that leave or do not read, and the ways in which a connection ends.

import { describe, expect, test } from '@jest/globals';
import { HttpError } from '../../src/errors.ts';
import { Body, collectBody } from '../../src/http/body.ts';
import type { Answer, ServerExchange } from '../../src/http/server-connection.ts';
import { rawClient, rawExchange } from '../support/rawClient.ts';
import { answer, eventually, startHttp } from './support.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const KIB = 1024;
const MIB = 1024 * KIB;

const text = (bytes: Buffer): string => bytes.toString('latin1');

/** Echoes the request body with its length. */
async function echo(exchange: ServerExchange): Promise<void> {
  const body = exchange.body === null ? 'none' : text(await collectBody(exchange.body, 8 * MIB));
  await answer(exchange, body);
}

/** Answers; an answer that breaks off is told by `broken`. */
function respond(
  exchange: ServerExchange,
  parts: Partial<Answer>,
  broken: (error: unknown) => void = () => {},
): void {
  const answer = { status: 200, reason: 'OK', headers: [], body: null, contentLength: null, ...parts };
  exchange.respond(answer).catch(broken);
}

describe('answers', () => {
  test('carry their length and keep the connection', async () => {
    await using server = await startHttp((exchange) => void answer(exchange, 'hello'));
    await using client = await rawClient(server.port);
    for (let i = 0; i < 3; i++) {
      client.send(GET);
      expect(text(await client.take('hello'))).toBe('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
    }
    expect(server.connections).toHaveLength(1);
  });

  test('keep case, order, duplicates and latin-1 values of their fields', async () => {
    await using server = await startHttp((exchange) =>
      respond(exchange, { headers: ['x-B', '\xe9', 'X-a', '1', 'X-b', '2'] }),
    );
    expect(text(await rawExchange(server.port, 'GET / HTTP/1.0\r\n\r\n'))).toBe(
      'HTTP/1.1 200 OK\r\nx-B: \xe9\r\nX-a: 1\r\nX-b: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    );
  });

  test('of unknown length are chunked, with trailers', async () => {
    await using server = await startHttp((exchange) => {
      const body = new Body();
      body.push(Buffer.from('hello'));
      body.end(['X-Sum', '1']);
      respond(exchange, { body, trailer: 'X-Sum' });
    });
    await using client = await rawClient(server.port);
    client.send(GET);
    expect(text(await client.until('X-Sum: 1\r\n\r\n'))).toBe(
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
    );
  });

  test.each([
    ['to GET say that they have none', 'GET', 200, 'Content-Length: 0\r\n'],
    ['to HEAD say nothing', 'HEAD', 200, ''],
    ['of status 204 say nothing', 'GET', 204, ''],
    ['of status 304 say nothing', 'GET', 304, ''],
  ])('without body %s', async (_, method, status, field) => {
    await using server = await startHttp((exchange) => respond(exchange, { status }));
    await using client = await rawClient(server.port);
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(text(await client.until('\r\n\r\n'))).toBe(`HTTP/1.1 ${status} OK\r\n${field}\r\n`);
  });

  test('may be preceded by interim ones, except for HTTP/1.0', async () => {
    await using server = await startHttp((exchange) => {
      exchange.inform(103, 'Early Hints', ['Link', '</a>']);
      void answer(exchange, 'hello');
    });
    await using client = await rawClient(server.port);
    client.send(GET);
    expect(text(await client.until('hello'))).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    );
    expect(text(await rawExchange(server.port, 'GET / HTTP/1.0\r\n\r\n'))).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('of 1 MiB arrive byte for byte', async () => {
    const bytes = Buffer.alloc(MIB, 'abcdefghijk');
    await using server = await startHttp((exchange) =>
      respond(exchange, { body: Body.of(bytes), contentLength: MIB }),
    );
    await using client = await rawClient(server.port);
    client.send(GET);
    const all = await client.until((got) => got.length > MIB);
    expect(all.subarray(-MIB).equals(bytes)).toBe(true);
  });

  describe('that break off never look complete', () => {
    /** Gives what breaks the answer. */
    function breaking(exchange: ServerExchange, contentLength: number | null): () => void {
      const body = new Body();
      respond(exchange, { body, contentLength });
      body.push(Buffer.alloc(20 * KIB, 'x'));
      return () => body.fail(new HttpError('ERR_ORIGIN_CLOSED', 'broken'));
    }

    test.each([
      ['with a length', 100_000],
      ['in chunks', null],
    ])('%s', async (_, length) => {
      await using server = await startHttp((exchange) => {
        const fail = breaking(exchange, length);
        setImmediate(fail);
      });
      const all = text(await rawExchange(server.port, GET));
      expect(all).not.toMatch(/\r\n0\r\n\r\n$/);
      expect(all.length).toBeLessThan(100_000);
    });

    test('up to the close: the connection is reset', async () => {
      let fail = (): void => {};
      await using server = await startHttp((exchange) => (fail = breaking(exchange, null)));
      await using client = await rawClient(server.port);
      client.send('GET / HTTP/1.0\r\n\r\n');
      await client.until('x'.repeat(20 * KIB)); // a reset that comes with data is read as an end by libuv
      fail();
      await new Promise((resolve) => client.socket.once('close', resolve));
      expect(client.error()?.code).toBe('ECONNRESET');
    });
  });
});

describe('a connection', () => {
  test.each([
    ['HTTP/1.1', '', true, ''],
    ['HTTP/1.1', 'Connection: close\r\n', false, 'Connection: close\r\n'],
    ['HTTP/1.1', 'Connection: x, Close\r\n', false, 'Connection: close\r\n'],
    ['HTTP/1.0', '', false, 'Connection: close\r\n'],
    ['HTTP/1.0', 'Connection: Keep-Alive\r\n', true, 'Connection: keep-alive\r\n'],
  ])('of %s with %j is kept: %p', async (version, field, kept, says) => {
    await using server = await startHttp((exchange) => void answer(exchange, 'hello'));
    await using client = await rawClient(server.port);
    client.send(`GET / ${version}\r\nHost: a\r\n${field}\r\n`);
    expect(text(await client.take('hello'))).toBe(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n${says}\r\nhello`);
    if (kept) {
      client.send(GET);
      await client.until('hello');
    } else expect((await client.closed()).length).toBe(0);
  });

  test('of HTTP/1.0 ends with a body of unknown length, whatever it asked for', async () => {
    await using server = await startHttp((exchange) =>
      respond(exchange, { body: Body.of(Buffer.from('hello')) }),
    );
    const bytes = await rawExchange(server.port, 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect(text(bytes)).toBe('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello');
  });

  test('that is drained ends at once when idle, otherwise after the answer', async () => {
    await using server = await startHttp(() => {});
    await using idle = await rawClient(server.port);
    await using busy = await rawClient(server.port);
    busy.send(GET);
    const exchange = await server.exchange(0);
    for (const connection of server.connections) connection.drain();
    expect((await idle.closed()).length).toBe(0);
    void answer(exchange, 'last');
    expect(text(await busy.closed())).toBe(
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast',
    );
  });

  test('hands over the bytes behind a request with the socket', async () => {
    await using server = await startHttp(() => {});
    await using client = await rawClient(server.port);
    client.send('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x16\x03\x01 not HTTP');
    const exchange = await server.exchange(0);
    exchange.inform(200, 'OK', []);
    const { socket, rest } = exchange.takeOver();
    expect(text(rest)).toBe('\x16\x03\x01 not HTTP');
    client.send(' and more');
    const more = new Promise<string>((resolve) =>
      socket.once('data', (bytes: Buffer) => resolve(text(bytes))),
    );
    socket.resume();
    expect(await more).toBe(' and more');
    socket.end('bye');
    expect(text(await client.closed())).toBe('HTTP/1.1 200 OK\r\n\r\nbye');
    socket.destroy();
  });
});

describe('pipelined requests', () => {
  test('are answered in order, one at a time', async () => {
    let running = 0;
    let most = 0;
    await using server = await startHttp((exchange) => {
      most = Math.max(most, ++running);
      setTimeout(() => {
        running--;
        void answer(exchange, exchange.head.target);
      }, exchange.head.target.length);
    });
    await using client = await rawClient(server.port);
    client.send(...['/long', '/mid', '/s'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`));
    expect(text(await client.until('/s'))).toMatch(/\/long[^]*\/mid[^]*\/s$/);
    expect(most).toBe(1);
  });

  test('may carry bodies', async () => {
    await using server = await startHttp((exchange) => void echo(exchange));
    await using client = await rawClient(server.port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none' +
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n' +
        'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    expect(text(await client.until('none'))).toMatch(/one[^]*two[^]*none$/);
  });

  test('keep their bytes in order when more arrive just as an answer is finished', async () => {
    await using server = await startHttp(() => {});
    await using client = await rawClient(server.port);
    client.send(`${GET}GET /first-half`);
    const first = await server.exchange(0);
    // In a timer: what is sent now is read before anything that was put off with setImmediate.
    setTimeout(() => {
      client.send('-second-half HTTP/1.1\r\nHost: a\r\n\r\n');
      void answer(first, 'hello');
    });
    expect((await server.exchange(1)).head.target).toBe('/first-half-second-half');
    expect(server.refused).toEqual([]);
  });

  test('are not read on while an answer is due, beyond a bound', async () => {
    await using server = await startHttp(() => {});
    await using client = await rawClient(server.port);
    const piece = Buffer.from(GET.repeat(1000));
    let sent = 0;
    let full = false;
    const send = (): void => {
      while (sent < 64 * MIB) {
        sent += piece.length;
        full = !client.socket.write(piece);
        if (full) return void client.socket.once('drain', send);
      }
    };
    send();
    await server.exchange(0);
    let before = -1;
    while (before !== sent) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(full).toBe(true);
    expect(sent).toBeLessThan(16 * MIB);
    expect(server.exchanges).toHaveLength(1);
  });

  test('are not answered on when nobody reads the answers', async () => {
    const page = 'x'.repeat(15 * KIB);
    await using server = await startHttp((exchange) => void answer(exchange, page));
    await using client = await rawClient(server.port);
    client.socket.pause();
    const total = 4000; // 60 MB of answers
    client.send(GET.repeat(total));
    await server.exchange(0);
    let before = -1;
    while (before !== server.exchanges.length) {
      before = server.exchanges.length;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(before).toBeLessThan(total / 2);
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => (received += chunk.length));
    client.socket.resume();
    const { length } = `HTTP/1.1 200 OK\r\nContent-Length: ${page.length}\r\n\r\n${page}`;
    await eventually(() => received >= total * length, 20_000);
    expect(received).toBe(total * length);
  });

  test('behind one that cannot be read are not read', async () => {
    await using server = await startHttp((exchange) => void answer(exchange, 'hello'));
    const all = text(await rawExchange(server.port, `${GET}nonsense\r\n\r\n${GET}`));
    expect(all).toMatch(/hello[^]*ERR_HTTP_REQUEST_LINE$/);
    expect(server.exchanges).toHaveLength(1);
  });
});

describe('an answer before the request was read whole', () => {
  const post = (fields: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

  test('keeps the connection when little is left', async () => {
    await using server = await startHttp((exchange) => void answer(exchange, 'early'));
    await using client = await rawClient(server.port);
    client.send(post('Content-Length: 100000\r\n'));
    expect(text(await client.take('early'))).not.toMatch(/Connection: close/);
    client.send(Buffer.alloc(100_000), GET);
    await client.until('early');
    expect(server.exchanges).toHaveLength(2);
  });

  test.each([
    ['much is left', 'Content-Length: 100000000\r\n'],
    ['nobody knows how much is left', 'Transfer-Encoding: chunked\r\n'],
  ])('ends the connection when %s', async (_, fields) => {
    await using server = await startHttp((exchange) => void answer(exchange, 'early'));
    await using client = await rawClient(server.port);
    client.send(post(fields));
    expect(text(await client.until('early'))).toMatch(/Connection: close\r\n/);
    if (fields.startsWith('T')) client.send('5\r\nhello\r\n0\r\n\r\n');
    else client.send(Buffer.alloc(2 * MIB));
    await client.closed();
    expect(client.error()).toBeNull();
  });

  test('is received although the client still sends', async () => {
    await using server = await startHttp((exchange) => void answer(exchange, 'early', 413));
    await using client = await rawClient(server.port);
    client.send(post('Content-Length: 900000\r\n'), Buffer.alloc(900_000));
    expect(text(await client.until('early'))).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('a body', () => {
  test('arrives byte for byte, by length and in chunks', async () => {
    await using server = await startHttp((exchange) => void echo(exchange));
    await using client = await rawClient(server.port);
    const bytes = Buffer.alloc(300 * KIB, 'abcdefghijk');
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes.length}\r\n\r\n`, bytes);
    expect((await client.take((got) => got.length > bytes.length)).includes(bytes)).toBe(true);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (const piece of [bytes.subarray(0, 100 * KIB), bytes.subarray(100 * KIB)]) {
      client.send(`${piece.length.toString(16)}\r\n`, piece, '\r\n');
    }
    client.send('0\r\n\r\n');
    expect((await client.take((got) => got.length > bytes.length)).includes(bytes)).toBe(true);
  });

  test('waits for a consumer: the client is stopped, memory is bounded', async () => {
    await using server = await startHttp(() => {});
    await using client = await rawClient(server.port);
    client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
    client.send(Buffer.alloc(64 * MIB));
    const { body } = await server.exchange(0);
    let before = -1;
    while (before !== body!.pushedBytes) {
      before = body!.pushedBytes;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(before).toBeLessThan(256 * KIB);
    let got = 0;
    await new Promise<void>((resolve, reject) => {
      body!.consume({
        onData: (chunk) => (got += chunk.length) > 0,
        onEnd: () => resolve(),
        onError: reject,
      });
    });
    expect(got).toBe(64 * MIB);
  });

  test('gives its trailers', async () => {
    await using server = await startHttp((exchange) => void echo(exchange));
    await using client = await rawClient(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n');
    await client.until('\r\n\r\n');
    expect(server.exchanges[0]!.body!.trailers).toEqual(['X', 'y']);
  });

  test('after Expect is asked for by the handler alone', async () => {
    await using server = await startHttp((exchange) => {
      expect(exchange.facts.expect).toBe('100-continue');
      exchange.inform(100, 'Continue', []);
      void echo(exchange);
    });
    await using client = await rawClient(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    expect(text(await client.take('\r\n\r\n'))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('hello');
    await client.until('hello');
  });

  test('that is broken fails for its consumer and is answered with the reason', async () => {
    let failure: unknown = null;
    await using server = await startHttp((exchange) => {
      collectBody(exchange.body!, MIB).catch((error: unknown) => (failure = error));
    });
    await using client = await rawClient(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    await server.exchange(0);
    client.send('xyz\r\n');
    expect(text(await client.closed())).toMatch(/^HTTP\/1\.1 400 [^]*ERR_HTTP_CHUNK$/);
    await eventually(() => failure !== null);
    expect(failure).toMatchObject({ code: 'ERR_HTTP_CHUNK' });
    expect(server.exchanges[0]!.cancellation.reason).toMatchObject({ code: 'ERR_HTTP_CHUNK' });
  });
});

describe('a client that leaves', () => {
  test.each([
    ['closes', (client: { end(): void }) => client.end()],
    ['resets', (client: { socket: { resetAndDestroy(): unknown } }) => void client.socket.resetAndDestroy()],
  ])('and %s cancels its exchange while it waits', async (_, leave) => {
    await using server = await startHttp(() => {});
    await using client = await rawClient(server.port);
    client.send(GET);
    const { cancellation } = await server.exchange(0);
    leave(client);
    await eventually(() => cancellation.reason !== null);
    expect(cancellation.reason).toMatchObject({ code: 'ERR_ABORTED' });
    await expect(answer(server.exchanges[0]!, 'late')).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('in the middle of its body fails that body', async () => {
    await using server = await startHttp(() => {});
    await using client = await rawClient(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello');
    const { body } = await server.exchange(0);
    client.end();
    await expect(collectBody(body!, MIB)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('in the middle of an answer cancels that answer and its body', async () => {
    let cancelled = false;
    const body = new Body({ resume() {}, cancel: () => (cancelled = true) });
    body.push(Buffer.alloc(100));
    let failure: unknown = null;
    await using server = await startHttp((exchange) => {
      respond(exchange, { body }, (error) => (failure = error));
    });
    await using client = await rawClient(server.port);
    client.send(GET);
    await client.until('\r\n\r\n');
    client.socket.resetAndDestroy();
    await eventually(() => failure !== null);
    expect(failure).toMatchObject({ code: 'ERR_ABORTED' });
    expect(cancelled).toBe(true);
  });

  test('between requests just ends the connection', async () => {
    await using server = await startHttp((exchange) => void answer(exchange, 'hello'));
    await using client = await rawClient(server.port);
    client.send(GET);
    await client.until('hello');
    client.end();
    await client.closed();
    expect(server.refused).toEqual([]);
  });

  test('unread: a slow client slows the body, and gets all of it', async () => {
    const size = 32 * MIB;
    let pushed = 0;
    const piece = Buffer.alloc(64 * KIB);
    const more = (): void => {
      while (pushed < size) {
        pushed += piece.length;
        if (!body.push(piece)) return;
      }
      body.end();
    };
    const body = new Body({ resume: more, cancel() {} });
    await using server = await startHttp((exchange) => {
      respond(exchange, { body, contentLength: size, headers: ['Content-Length', String(size)] });
      more();
    });
    await using client = await rawClient(server.port);
    client.socket.pause();
    client.send(GET);
    let before = -1;
    while (before !== pushed) {
      before = pushed;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(pushed).toBeLessThan(16 * MIB);
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => (received += chunk.length));
    client.socket.resume();
    await eventually(() => received > size);
  });
});

describe('time limits', () => {
  test('end a connection that is not used', async () => {
    await using server = await startHttp(() => {}, { idleTimeoutMs: 100 });
    await using client = await rawClient(server.port);
    expect((await client.closed()).length).toBe(0);
  });

  test.each([
    ['never comes to its end', 0],
    ['comes byte by byte', 20],
  ])('refuse a head that %s', async (_, everyMs) => {
    await using server = await startHttp(() => {}, { headTimeoutMs: 200 });
    await using client = await rawClient(server.port);
    client.send('GET / HTTP/1.1\r\nX: ');
    const drip = everyMs === 0 ? undefined : setInterval(() => client.send('x'), everyMs);
    expect(text(await client.closed())).toMatch(/^HTTP\/1\.1 408 [^]*ERR_HTTP_TIMEOUT$/);
    clearInterval(drip);
  });

  test('refuse a body that stops coming', async () => {
    await using server = await startHttp((exchange) => void echo(exchange).catch(() => {}), {
      idleTimeoutMs: 100,
    });
    await using client = await rawClient(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello');
    expect(text(await client.closed())).toMatch(/^HTTP\/1\.1 408 [^]*ERR_HTTP_TIMEOUT$/);
  });

  test('end a connection whose client does not read its answer', async () => {
    const size = 64 * MIB;
    let failure: unknown = null;
    await using server = await startHttp(
      (exchange) => {
        respond(exchange, { body: Body.of(Buffer.alloc(size)) }, (error) => (failure = error));
      },
      { idleTimeoutMs: 100 },
    );
    await using client = await rawClient(server.port);
    client.socket.pause();
    client.send(GET);
    await eventually(() => failure !== null);
    expect(failure).toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('leave alone a client whose body we hold up ourselves', async () => {
    await using server = await startHttp(() => {}, { idleTimeoutMs: 100 });
    await using client = await rawClient(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n', Buffer.alloc(500_000));
    const exchange = await server.exchange(0);
    await new Promise((resolve) => setTimeout(resolve, 700)); // several sweeps of the deadlines
    expect(server.refused).toEqual([]);
    expect((await collectBody(exchange.body!, MIB)).length).toBe(500_000);
    await answer(exchange, 'done');
    await client.until('done');
  });

  test('leave alone a client that waits for a slow handler', async () => {
    await using server = await startHttp(() => {}, { idleTimeoutMs: 100 });
    await using client = await rawClient(server.port);
    client.send(GET);
    const exchange = await server.exchange(0);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await answer(exchange, 'done');
    await client.until('done');
  });

  test('leave alone a client that reads an answer which comes slowly', async () => {
    const body = new Body();
    await using server = await startHttp((exchange) => respond(exchange, { body }), {
      idleTimeoutMs: 100,
    });
    await using client = await rawClient(server.port);
    client.send(GET);
    for (let i = 0; i < 4; i++) {
      body.push(Buffer.from(`event ${i}`));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    body.end();
    expect(text(await client.until(/\r\n0\r\n\r\n$/))).toMatch(/event 3/);
  });
});

describe('a request that cannot be read', () => {
  test('is answered once, and the answer arrives although the client still sends', async () => {
    await using server = await startHttp(() => {});
    await using client = await rawClient(server.port);
    client.send('nonsense\r\n\r\n', Buffer.alloc(4 * MIB, 'x'));
    expect(text(await client.closed())).toBe(
      'HTTP/1.1 400 No\r\nConnection: close\r\n\r\nERR_HTTP_REQUEST_LINE',
    );
    expect(client.error()).toBeNull();
    expect(server.refused).toEqual(['ERR_HTTP_REQUEST_LINE']);
  });

  test('does not keep the connection open for a client that never closes', async () => {
    await using server = await startHttp(() => {});
    await using client = await rawClient(server.port);
    client.send('nonsense\r\n\r\n');
    await client.closed();
    const start = performance.now();
    const gone = new Promise((resolve) => client.socket.once('close', resolve));
    const drip = setInterval(() => client.send('x'), 50);
    await gone; // the server resets what is still sent
    clearInterval(drip);
    expect(performance.now() - start).toBeLessThan(4000);
  });
});

// What is special about middleware: its place among others, compression around it, bodies that were read
// before, and services that change what passes.

import http from 'node:http';
import http2 from 'node:http2';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import express from 'express';
import { icapMiddleware } from '../../src/embed/middleware.ts';
import { Body } from '../../src/http/body.ts';
import type { ProxyRecord } from '../../src/telemetry/records.ts';
import { eicar } from '../support/eicar.ts';
import { rawClient } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import { startTestWeir } from '../support/weir.ts';
import type { Lab } from '../icap/server/lab.ts';
import { startLab, UNMODIFIED } from '../icap/server/lab.ts';
import { bytesOfSize, request, sha256 } from './client.ts';
import { listening } from './fronts.ts';

type Handler = (req: http.IncomingMessage, res: http.ServerResponse) => void;

const plain = (options: Parameters<typeof icapMiddleware>[0], handler: Handler) => {
  const middleware = icapMiddleware(options);
  const server = http.createServer((req, res) => middleware(req, res, () => handler(req, res)));
  return listening(server, () => middleware.close());
};

/** A service that answers everything with "not modified" once it has read the whole body. */
const reading = (bodies: Buffer[] = []): Promise<Lab> =>
  startLab({
    '/scan': {
      methods: ['REQMOD', 'RESPMOD'],
      handle: async ({ body }) => {
        const content = await body?.hold();
        const file = content?.file ?? null;
        bodies.push(file === null ? (content?.memory ?? Buffer.alloc(0)) : await readFile(file));
        return UNMODIFIED;
      },
    },
  });

const urlOf = (lab: Lab): string => `icap://127.0.0.1:${lab.port}/scan`;

describe('its place', () => {
  test('a body parser behind it sees the adapted body', async () => {
    await using lab = await reading();
    const app = express();
    app.use(icapMiddleware({ reqmod: urlOf(lab) }), express.json());
    app.post('/', (req, res) => void res.json({ got: req.body as unknown }));
    await using front = await listening(http.createServer(app), () => {});
    const headers = { 'content-type': 'application/json' };
    const answer = await request(front.url, { headers, body: Buffer.from('{"a":[1,2]}') });
    expect(JSON.parse(answer.text)).toEqual({ got: { a: [1, 2] } });
  });

  test('behind a body parser it refuses to let an uninspected body pass, and says why', async () => {
    await using lab = await reading();
    const app = express();
    app.use(express.json(), icapMiddleware({ reqmod: urlOf(lab) }));
    app.post('/', (_req, res) => void res.send('handled'));
    await using front = await listening(http.createServer(app), () => {});
    const headers = { 'content-type': 'application/json' };
    const answer = await request(front.url, { headers, body: Buffer.from('{}') });
    expect(answer.status).toBe(500);
    expect(answer.text).toContain('ERR_EMBED_BODY_READ');
  });

  test('two that adapt requests are refused, two that adapt responses work in turn', async () => {
    const bodies: Buffer[] = [];
    await using lab = await reading(bodies);
    const both = express();
    both.use(icapMiddleware({ respmod: urlOf(lab) }), icapMiddleware({ respmod: urlOf(lab) }));
    both.get('/', (_req, res) => void res.send('seen twice'));
    await using front = await listening(http.createServer(both), () => {});
    expect((await request(front.url)).text).toBe('seen twice');
    expect(bodies.map(String)).toEqual(['seen twice', 'seen twice']);
    const twice = express();
    twice.use(icapMiddleware({ reqmod: urlOf(lab) }), icapMiddleware({ reqmod: urlOf(lab) }));
    await using refusing = await listening(http.createServer(twice), () => {});
    const answer = await request(refusing.url, { body: Buffer.from('x') });
    expect([answer.status, answer.text.includes('ERR_EMBED_BODY_READ')]).toEqual([500, true]);
  });

  test.each([0, 1, 1000, 300_000])(
    'behind middleware that took its time it sees a body of %d bytes',
    async (size) => {
      const bodies: Buffer[] = [];
      await using lab = await reading(bodies);
      const middleware = icapMiddleware({ reqmod: urlOf(lab) });
      const late: Handler = (req, res) => {
        const chunks: Buffer[] = [];
        req.on('data', (chunk: Buffer) => chunks.push(chunk));
        req.on('end', () => res.end(sha256(Buffer.concat(chunks))));
      };
      const server = http.createServer((req, res) => {
        // By then a small body is in the request's buffer, its end too.
        setTimeout(() => middleware(req, res, () => late(req, res)), 30);
      });
      await using front = await listening(server, () => middleware.close());
      const body = bytesOfSize(size);
      const answer = await request(front.url, { body: [body] });
      expect(answer.status).toBe(200);
      expect(answer.text).toBe(sha256(body));
      expect(sha256(bodies[0]!)).toBe(sha256(body));
    },
  );

  test('messages that are skipped go to no service', async () => {
    const nobody = `icap://127.0.0.1:${await freePort()}/scan`;
    const points: string[] = [];
    const skip = (req: http.IncomingMessage, point: string): boolean => {
      points.push(point);
      return req.url === '/events';
    };
    await using front = await plain({ reqmod: nobody, respmod: nobody, skip }, (_req, res) =>
      res.end('passed'),
    );
    expect((await request(`${front.url}/events`)).text).toBe('passed');
    expect((await request(front.url)).status).toBe(502);
    expect(points).toEqual(['reqmod', 'respmod', 'reqmod']);
  });

  test('HTTP/2 is refused, not passed unseen', async () => {
    await using lab = await reading();
    const middleware = icapMiddleware({ reqmod: urlOf(lab) });
    const server = http2.createServer((req, res) => {
      middleware(req as never, res as never, () => res.end('handled'));
    });
    await using front = await listening(server, () => middleware.close());
    const session = http2.connect(front.url);
    const stream = session.request({ ':path': '/' });
    const status = await new Promise((resolve) =>
      stream.once('response', (fields) => resolve(fields[':status'])),
    );
    expect(status).toBe(505);
    session.destroy();
  });

  test('options that cannot be used are refused at once, with what to do', () => {
    expect(() => icapMiddleware({})).toThrow(/give `reqmod`, `respmod` or both/);
    expect(() => icapMiddleware({ reqmod: 'http://x/' })).toThrow(/an ICAP URL such as/);
    expect(() => icapMiddleware({ reqmod: 'icap://x/s', previewBytes: 65_537 })).toThrow(
      /previewBytes.*0\.\.65536/,
    );
    expect(() => icapMiddleware({ reqmod: 'icap://x/s', onError: 'pass' as never })).toThrow(
      /block or bypass/,
    );
  });
});

describe('compression', () => {
  test('inside: the service sees what the client will, and it arrives', async () => {
    const bodies: Buffer[] = [];
    await using lab = await reading(bodies);
    const app = express();
    app.use(icapMiddleware({ respmod: urlOf(lab) }), compress);
    app.get('/', (_req, res) => void res.send('long text '.repeat(20_000)));
    await using front = await listening(http.createServer(app), () => {});
    const answer = await request(front.url);
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect((await promisify(gunzip)(answer.body)).toString()).toBe('long text '.repeat(20_000));
    expect(bodies[0]!.subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
  });

  test('outside: the service sees plain content, and the client gets it compressed', async () => {
    const bodies: Buffer[] = [];
    await using lab = await reading(bodies);
    const app = express();
    app.use(compress, icapMiddleware({ respmod: urlOf(lab) }));
    app.get('/', (_req, res) => {
      for (let i = 0; i < 20; i++) res.write('long text '.repeat(1000));
      res.end();
    });
    await using front = await listening(http.createServer(app), () => {});
    const answer = await request(front.url);
    expect((await promisify(gunzip)(answer.body)).toString()).toBe('long text '.repeat(20_000));
    expect(bodies[0]!.toString()).toBe('long text '.repeat(20_000));
  });

  test.each(['inside', 'outside'])(
    'a blocked download comes as a page with compression %s',
    async (place) => {
      await using weir = await startTestWeir();
      const middleware = icapMiddleware({ respmod: `icap://127.0.0.1:${weir.gatewayPort}/sandblast` });
      const app = express();
      app.use(...(place === 'inside' ? [middleware, compress] : [compress, middleware]));
      app.get('/', (_req, res) => void res.end(eicar()));
      await using front = await listening(http.createServer(app), () => middleware.close());
      const answer = await request(front.url);
      expect(answer.status).toBe(403);
      const zipped = answer.headers['content-encoding'] === 'gzip';
      expect(zipped).toBe(place === 'outside');
      const page = zipped ? await promisify(gunzip)(answer.body) : answer.body;
      expect(page.toString()).toContain('EICAR');
    },
  );
});

describe('services that change messages', () => {
  test('handlers get the method, path, fields and body that REQMOD made', async () => {
    await using lab = await startLab({
      '/scan': {
        methods: ['REQMOD'],
        handle: ({ request: head }) => ({
          kind: 'adapted',
          serverMade: false,
          request: {
            ...head!,
            method: 'PUT',
            target: head!.target.replace('/old', '/new'),
            headers: [
              'Host',
              'other.test',
              'Cookie',
              'a=1',
              'Cookie',
              'b=2',
              'X-Added',
              'yes',
              'Content-Length',
              '3',
            ],
          },
          body: Body.of(Buffer.from('new')),
        }),
      },
    });
    const app = express();
    app.use(
      '/mounted',
      icapMiddleware({ reqmod: urlOf(lab) }),
      express.raw({ type: () => true }),
      (req, res) => {
        const { method, url, originalUrl, headers } = req;
        res.json({ method, url, originalUrl, headers, body: (req.body as Buffer).toString() });
      },
    );
    await using front = await listening(http.createServer(app), () => {});
    const body = [Buffer.from('something longer')];
    const answer = await request(`${front.url}/mounted/old?q=1`, { body });
    expect(JSON.parse(answer.text)).toMatchObject({
      method: 'PUT',
      url: '/new?q=1',
      originalUrl: '/mounted/new?q=1',
      headers: { host: 'other.test', cookie: 'a=1; b=2', 'x-added': 'yes', 'content-length': '3' },
      body: 'new',
    });
  });

  test('a body that REQMOD takes away is an empty one', async () => {
    await using lab = await startLab({
      '/scan': {
        methods: ['REQMOD'],
        handle: ({ request: head }) => ({ kind: 'adapted', serverMade: false, request: head!, body: null }),
      },
    });
    await using front = await plain({ reqmod: urlOf(lab) }, (req, res) => {
      let bytes = 0;
      req.on('data', (chunk: Buffer) => (bytes += chunk.length));
      req.on('end', () => res.end(`${bytes} ${String(req.headers['content-length'])}`));
    });
    expect((await request(front.url, { body: Buffer.from('gone') })).text).toBe('0 0');
  });

  test('clients get the status, fields and streamed body that RESPMOD made', async () => {
    const made = bytesOfSize(500_000);
    await using lab = await startLab({
      '/scan': {
        methods: ['RESPMOD'],
        handle: ({ response }) => ({
          kind: 'adapted',
          serverMade: false,
          response: { ...response!, status: 299, reason: 'Rewritten', headers: ['X-Two', '1', 'X-Two', '2'] },
          body: Body.of(made),
        }),
      },
    });
    await using front = await plain({ respmod: urlOf(lab) }, (_req, res) => {
      res.setHeader('X-Original', 'gone');
      res.end('original');
    });
    const answer = await request(front.url);
    expect([answer.status, answer.headers['x-two'], answer.headers['x-original']]).toEqual([
      299,
      '1, 2',
      undefined,
    ]);
    expect(answer.body.equals(made)).toBe(true);
  });

  test('a service that breaks off in the middle of its answer is an error, not half an answer', async () => {
    await using lab = await startLab({
      '/scan': {
        methods: ['RESPMOD'],
        description: { preview: null },
        handle: ({ response }) => {
          const body = new Body();
          body.push(Buffer.alloc(200_000));
          setTimeout(() => body.fail(new Error('gone')), 20);
          return { kind: 'adapted', serverMade: false, response: response!, body };
        },
      },
    });
    await using front = await plain({ respmod: urlOf(lab) }, (_req, res) => res.end('original'));
    const answer = await request(front.url);
    expect([answer.status, answer.text.includes('ERR_ADAPT_')]).toEqual([502, true]);
  });
});

describe('what handlers see of the response', () => {
  test('it says that its head is sent, its end and its finish, as any other', async () => {
    await using lab = await reading();
    const seen: unknown[] = [];
    const finished = new Promise<void>((resolve) => {
      void plainHandler(resolve);
    });
    async function plainHandler(done: () => void): Promise<void> {
      await using front = await plain({ respmod: urlOf(lab) }, (_req, res) => {
        seen.push(res.headersSent);
        res.write('a', () => seen.push('written'));
        seen.push(res.headersSent, res.writableEnded);
        res.end('b', () => {
          seen.push('ended', res.writableFinished);
        });
        seen.push(res.writableEnded);
      });
      expect((await request(front.url)).text).toBe('ab');
      done();
    }
    await finished;
    expect(seen).toEqual([false, true, false, true, 'written', 'ended', true]);
  });

  test('a slow client slows the handler down, not fills the memory', async () => {
    await using lab = await startLab({ '/scan': { methods: ['RESPMOD'], handle: () => UNMODIFIED } });
    let written = 0;
    let waiting = (): void => {};
    const waited = new Promise<void>((resolve) => (waiting = resolve));
    await using front = await plain({ respmod: urlOf(lab), spool: { memoryBytes: 0 } }, (_req, res) => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (res.write(chunk)) written += chunk.length;
        written += chunk.length;
        clearTimeout(timer);
        timer = setTimeout(waiting, 300);
      };
      let timer = setTimeout(waiting, 5000);
      res.on('drain', more);
      more();
    });
    await using client = await rawClient(front.port);
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await waited;
    expect(written).toBeLessThan(16 * 1024 * 1024); // what the kernel's socket buffers take, and a little
  });

  test('an error of a handler is answered with a page, not with silence', async () => {
    await using lab = await reading();
    const records: ProxyRecord[] = [];
    const options = { reqmod: urlOf(lab), onRecord: (record: ProxyRecord) => records.push(record) };
    await using front = await plain(options, () => {
      throw new Error('handler broke');
    });
    const answer = await request(front.url);
    expect(answer.status).toBe(502);
    expect(records).toMatchObject([
      { verdict: 'error', error: { message: 'internal failure: handler broke' } },
    ]);
  });
});

/** Compresses as the usual middleware does: `write` and `end` wrapped, fields changed when the head is due. */
function compress(_req: http.IncomingMessage, res: http.ServerResponse, next: () => void): void {
  const write = res.write.bind(res) as (chunk: Buffer) => boolean;
  const end = res.end.bind(res) as () => void;
  const on = res.on.bind(res);
  const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => http.ServerResponse;
  const gzip = createGzip();
  let begun = false;
  const begin = (): void => {
    if (begun) return;
    begun = true;
    res.removeHeader('Content-Length');
    res.setHeader('Content-Encoding', 'gzip');
    gzip.on('data', (chunk: Buffer) => {
      if (!write(chunk)) gzip.pause();
    });
    gzip.on('end', () => end());
    on('drain', () => gzip.resume());
  };
  res.writeHead = (...args: unknown[]) => {
    begin();
    return writeHead(...args);
  };
  res.write = ((chunk: Buffer | string) => {
    if (!begun) res.writeHead(res.statusCode);
    return gzip.write(chunk);
  }) as never;
  res.end = ((chunk?: Buffer | string) => {
    if (!begun) res.writeHead(res.statusCode);
    gzip.end(chunk);
    return res;
  }) as never;
  res.on = ((event: string, listener: () => void) => {
    if (event === 'drain') gzip.on('drain', listener);
    else on(event, listener);
    return res;
  }) as never;
  next();
}

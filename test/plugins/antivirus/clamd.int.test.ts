import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Clamd } from '../../../plugins/antivirus/clamd.ts';
import { optionsSchema, type ClamdOptions } from '../../../plugins/antivirus/options.ts';
import { eicar, zipOf } from '../../support/eicar.ts';
import { CLAMD_EICAR_NAME, startClamd } from '../../support/peers/clamd.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { tempDir } from '../../support/tempDir.ts';
import { antivirusBlade } from './blade-support.ts';

const MIB = 2 ** 20;

const client = (clamd: object): Clamd => new Clamd(optionsSchema.parse({ clamd }).clamd as ClamdOptions);

async function* pieces(bytes: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describeWithPeer('clamd', () => {
  test('finds and passes over TCP and over its socket', async () => {
    await using server = await startClamd();
    for (const place of [{ socket: server.socketPath }, { host: '127.0.0.1', port: server.port }]) {
      const clamd = client(place);
      expect(await clamd.version()).toMatch(/^ClamAV \d/);
      expect(await clamd.scan(pieces(eicar(), 7))).toBe(CLAMD_EICAR_NAME);
      expect(await clamd.scan(pieces(randomBytes(5 * MIB), 3 * MIB))).toBeNull();
      expect(await clamd.scan(pieces(Buffer.alloc(0)))).toBeNull();
    }
  });

  test('scans many contents a few at a time', async () => {
    await using server = await startClamd();
    const clamd = client({ socket: server.socketPath, connections: 2 });
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) => clamd.scan(pieces(i % 3 === 0 ? eicar() : randomBytes(50_000)))),
    );
    expect(results.map((found) => found !== null)).toEqual(Array.from({ length: 12 }, (_, i) => i % 3 === 0));
  });

  test('gives an error when its size limit is exceeded', async () => {
    await using server = await startClamd({ streamMaxLength: '1M' });
    const clamd = client({ socket: server.socketPath });
    await expect(clamd.scan(pieces(randomBytes(8 * MIB)))).rejects.toMatchObject({
      code: 'ERR_SCAN_UNAVAILABLE',
      message: expect.stringContaining('size limit exceeded'),
    });
    expect(await clamd.scan(pieces(eicar()))).toBe(CLAMD_EICAR_NAME);
  });

  test('finds through the blade what the embedded rules do not', async () => {
    await using server = await startClamd();
    await using folder = await tempDir();
    await using av = await antivirusBlade({ clamd: { host: '127.0.0.1', port: server.port } });
    // clamd's signature here has no anchor, ours goes by the EICAR definition.
    const quoted = Buffer.concat([Buffer.from('quoted: '), eicar()]);
    const found = {
      kind: 'block',
      threat: CLAMD_EICAR_NAME,
      severity: 'high',
      reason: 'found in the content by ClamAV',
    };
    expect(await av.inspect(quoted)).toEqual(found);
    expect(await av.inspect(await folder.write('file', quoted))).toEqual(found);
    expect(await av.inspect(gzipSync(quoted), { 'content-encoding': 'gzip' })).toEqual(found);
    expect(await av.inspect(zipOf([{ name: 'a', data: quoted }]))).toEqual(found);
    expect(await av.inspect(Buffer.from('clean'))).toEqual({ kind: 'allow' });
    // The embedded engine goes first.
    expect(await av.inspect(eicar())).toMatchObject({ threat: 'EICAR-Test-File' });
    await using alone = await antivirusBlade();
    expect(av.blade.fingerprint!()).not.toBe(alone.blade.fingerprint!());
  });

  test('is an error of each scan, and a warning at the start, when it does not run', async () => {
    const server = await startClamd();
    await server.stop();
    await using av = await antivirusBlade({ clamd: { host: '127.0.0.1', port: server.port } });
    expect(av.warnings).toEqual(['clamd does not answer']);
    await expect(av.inspect(Buffer.from('clean'))).rejects.toMatchObject({ code: 'ERR_SCAN_UNAVAILABLE' });
    expect(await av.inspect(eicar())).toMatchObject({ kind: 'block' });
  });
});

describe('a server that is no good clamd', () => {
  /** A server that does with each connection what it is told to. */
  async function fake(behave: (socket: Socket) => void) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      behave(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return {
      place: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      sockets,
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy();
        await once(server.close(), 'close');
      },
    };
  }
  const unavailable = { code: 'ERR_SCAN_UNAVAILABLE' };

  test('is given up when it says nothing', async () => {
    await using silent = await fake(() => {});
    const clamd = client({ ...silent.place, replyTimeout: 50 });
    await expect(clamd.scan(pieces(eicar()))).rejects.toMatchObject(unavailable);
  });

  test('is given up when it reads nothing, with the content held back', async () => {
    await using stuck = await fake((socket) => socket.pause());
    let given = 0;
    const endless = async function* () {
      for (; given < 10_000; given += 1) yield Buffer.alloc(65_536);
    };
    await expect(client({ ...stuck.place, replyTimeout: 100 }).scan(endless())).rejects.toMatchObject(
      unavailable,
    );
    expect(given).toBeLessThan(500);
  });

  test.each([
    ['closes without a reply', (socket: Socket) => socket.end()],
    ['resets the connection', (socket: Socket) => socket.resetAndDestroy()],
    ['answers something else', (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\0')],
    ['never ends its reply', (socket: Socket) => socket.write('x'.repeat(100_000))],
  ])('is an error when it %s', async (_name, behave) => {
    await using bad = await fake(behave);
    await expect(client(bad.place).scan(pieces(eicar()))).rejects.toMatchObject(unavailable);
  });

  test('is left at once when the scan is aborted, connected or waiting', async () => {
    await using silent = await fake(() => {});
    const clamd = client({ ...silent.place, connections: 1 });
    const abort = new AbortController();
    const scans = Promise.allSettled([
      clamd.scan(pieces(eicar()), abort.signal),
      clamd.scan(pieces(eicar()), abort.signal),
    ]);
    abort.abort();
    for (const scan of await scans) expect(scan).toMatchObject({ reason: { code: 'ERR_ABORTED' } });
    await expect(clamd.scan(pieces(eicar()), AbortSignal.abort())).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  test('does not hide an error of the content itself', async () => {
    await using silent = await fake(() => {});
    const broken = async function* () {
      yield Buffer.from('x');
      throw Object.assign(new Error('disk'), { code: 'ERR_SPOOL' });
    };
    await expect(client(silent.place).scan(broken())).rejects.toMatchObject({ code: 'ERR_SPOOL' });
  });
});

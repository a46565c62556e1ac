import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { eicar, eicarGzip, eicarZip, zipOf } from '../../support/eicar.ts';
import { tempDir } from '../../support/tempDir.ts';
import { antivirusBlade, message, type TestBlade } from './blade-support.ts';

const MIB = 2 ** 20;
const MARKER = Buffer.from(['weir-test', 'malware:9c4e7a1f63b2d8504be19fa7c25d3086'].join('-'));
const FOUND = { kind: 'block', threat: 'EICAR-Test-File', severity: 'high', reason: 'found in the content' };
const foundIn = (member: string) => ({ ...FOUND, reason: `found in archive member ${member}` });

const blade = (options?: object): Promise<TestBlade> => antivirusBlade(options);

/** A zip with one member of so many MiB of zeros: one deflated block of 1 MiB, again and again. */
function zeros(mebibytes: number): Buffer {
  const zip = zipOf([{ name: 'zeros', data: Buffer.alloc(0) }]); // its data is two bytes, an empty last block
  const start = 30 + 'zeros'.length;
  const block = deflateRawSync(Buffer.alloc(MIB), { finishFlush: constants.Z_FULL_FLUSH });
  const data = Buffer.concat([...Array<Buffer>(mebibytes).fill(block), zip.subarray(start, start + 2)]);
  const tail = Buffer.from(zip.subarray(start + 2));
  zip.writeUInt32LE(data.length, 18);
  tail.writeUInt32LE(data.length, 20);
  tail.writeUInt32LE(start + data.length, tail.length - 6); // where the directory begins
  return Buffer.concat([zip.subarray(0, start), data, tail]);
}

describe('EICAR', () => {
  test('is found in clear, in small bodies and in files', async () => {
    await using av = await blade();
    await using folder = await tempDir();
    expect(await av.inspect(eicar())).toEqual(FOUND);
    expect(await av.inspect(Buffer.concat([eicar(), Buffer.from(' \t\r\n\x1a')]))).toEqual(FOUND);
    expect(await av.inspect(await folder.write('eicar.com', eicar()))).toEqual(FOUND);
  });

  test('is found under every content coding', async () => {
    await using av = await blade();
    for (const [coding, bytes] of [
      ['gzip', eicarGzip()],
      ['deflate', deflateSync(eicar())],
      ['deflate', deflateRawSync(eicar())],
      ['br', brotliCompressSync(eicar())],
      ['gzip, br', brotliCompressSync(eicarGzip())],
    ] as const) {
      expect([coding, await av.inspect(bytes, { 'Content-Encoding': coding })]).toEqual([coding, FOUND]);
    }
  });

  test('is found where the Content-Encoding field lies', async () => {
    await using av = await blade();
    expect(await av.inspect(eicar(), { 'content-encoding': 'gzip' })).toEqual(FOUND);
  });

  test('is found in deflated, stored and nested archive members, and the member is named', async () => {
    await using av = await blade();
    await using folder = await tempDir();
    await folder.write('eicar.com', eicar());
    execFileSync('zip', ['-q', '-0', 'stored.zip', 'eicar.com'], { cwd: folder.path });
    execFileSync('tar', ['-czf', 'a.tgz', 'eicar.com'], { cwd: folder.path });
    execFileSync('tar', ['-cf', 'a.tar', 'eicar.com'], { cwd: folder.path });
    expect(await av.inspect(eicarZip('docs/eicar.com'))).toEqual(foundIn('docs/eicar.com'));
    expect(await av.inspect(folder.join('stored.zip'))).toEqual(foundIn('eicar.com'));
    expect(await av.inspect(folder.join('a.tar'))).toEqual(foundIn('eicar.com'));
    expect(await av.inspect(folder.join('a.tgz'))).toEqual(foundIn('gzip content!/eicar.com'));
    expect(await av.inspect(eicarGzip())).toEqual(foundIn('gzip content'));
    const nested = zipOf([{ name: 'in.zip', data: eicarZip() }]);
    expect(await av.inspect(nested)).toEqual(foundIn('in.zip!/eicar.com'));
    expect(await av.inspect(gzipSync(nested), { 'content-encoding': 'gzip' })).toEqual(
      foundIn('in.zip!/eicar.com'),
    );
  });

  test('is found in an uploaded file', async () => {
    await using av = await blade();
    const body = Buffer.concat([
      Buffer.from('--b d\r\nContent-Disposition: form-data; name="f"; filename="x.com"\r\n\r\n'),
      eicar(),
      Buffer.from('\r\n--b d--\r\n'),
    ]);
    expect(await av.inspect(body, { 'content-type': 'multipart/form-data; boundary="b d"' })).toEqual(
      foundIn('x.com'),
    );
  });

  test('is not found in a page that quotes it, nor with text behind it', async () => {
    await using av = await blade();
    const page = Buffer.concat([Buffer.from('<html><pre>'), eicar(), Buffer.from('</pre></html>')]);
    expect(await av.inspect(page)).toEqual({ kind: 'allow' });
    expect(await av.inspect(page, { 'content-type': 'multipart/mixed; boundary=zzz' })).toMatchObject({
      kind: 'allow',
    });
    expect(await av.inspect(Buffer.concat([eicar(), Buffer.from(' is the string')]))).toEqual({
      kind: 'allow',
    });
    expect(await av.inspect(Buffer.concat([eicar(), Buffer.alloc(61, 0x20)]))).toEqual({ kind: 'allow' });
  });

  test('is not found where a window happens to begin with it', async () => {
    await using av = await blade({ window: '256KiB' });
    await using folder = await tempDir();
    const bytes = Buffer.alloc(MIB, 0x20);
    eicar().copy(bytes, (256 - 64) * 1024);
    expect(await av.inspect(await folder.write('spaces', bytes))).toEqual({ kind: 'allow' });
  });
});

describe('content of any size', () => {
  test('is clean when it is random, empty or absent', async () => {
    await using av = await blade();
    expect(await av.inspect(randomBytes(MIB))).toEqual({ kind: 'allow' });
    expect(await av.inspect(Buffer.alloc(0))).toEqual({ kind: 'allow' });
    expect(await av.blade.inspect(message(null), new AbortController().signal)).toEqual({ kind: 'allow' });
  });

  test('is scanned across window borders of a 20 MiB file', async () => {
    await using av = await blade();
    await using folder = await tempDir();
    const file = await folder.write('big', Buffer.alloc(20 * MIB, 0x2e));
    const handle = await open(file, 'r+');
    const step = 4 * MIB - 64 * 1024; // where windows after the first begin
    const places = [0, 4 * MIB - 10, 4 * MIB, step - 10, step, 2 * step + 7, 20 * MIB - MARKER.length];
    for (const place of places) {
      await handle.write(MARKER, 0, MARKER.length, place);
      expect([place, (await av.inspect(file)).kind]).toEqual([place, 'block']);
      await handle.write(Buffer.alloc(MARKER.length, 0x2e), 0, MARKER.length, place);
    }
    await handle.close();
    expect(await av.inspect(file)).toEqual({ kind: 'allow' });
  });

  test('does not hold the main thread while 64 MiB are scanned, and costs little memory', async () => {
    await using av = await blade();
    await using folder = await tempDir();
    const file = await folder.write('big', Buffer.alloc(64 * MIB, 'some text, again and again. '));
    await av.inspect(file); // starts the thread and compiles the rules
    const before = process.memoryUsage().rss;
    const delays: number[] = []; // ms; of five scans, since on a busy machine the thread also waits for a core
    for (let i = 0; i < 5; i += 1) {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      expect(await av.inspect(file)).toEqual({ kind: 'allow' });
      delay.disable();
      delays.push(delay.percentile(99) / 1e6);
    }
    expect(Math.min(...delays)).toBeLessThan(10); // 1.5 normally seen
    expect((process.memoryUsage().rss - before) / MIB).toBeLessThan(32);
  });
});

describe('content that cannot be inspected whole', () => {
  test('blocks a bomb of 1 GiB in bounded time and memory', async () => {
    await using av = await blade();
    await using folder = await tempDir();
    const bomb = await folder.write('bomb.zip', zeros(1024));
    await av.inspect(eicarZip());
    const before = process.memoryUsage().rss;
    const started = performance.now();
    expect(await av.inspect(bomb)).toEqual({
      kind: 'block',
      threat: 'Archive-Bomb',
      severity: 'medium',
      reason: expect.stringMatching(/^not inspected: expands .* in archive member zeros$/),
    });
    expect(performance.now() - started).toBeLessThan(5000); // 150 ms normally seen
    expect((process.memoryUsage().rss - before) / MIB).toBeLessThan(64);
  });

  test('blocks a content coding that is a bomb', async () => {
    await using av = await blade();
    const bomb = gzipSync(Buffer.alloc(64 * MIB));
    expect(await av.inspect(bomb, { 'content-encoding': 'gzip' })).toMatchObject({ threat: 'Archive-Bomb' });
  });

  test('lets encrypted archives pass as not scanned, or blocks them when told to', async () => {
    await using folder = await tempDir();
    await folder.write('secret.txt', 'secret');
    execFileSync('zip', ['-q', '-P', 'pass', 'a.zip', 'secret.txt'], { cwd: folder.path });
    await using lenient = await blade();
    expect(await lenient.inspect(folder.join('a.zip'))).toEqual({ kind: 'allow', notScanned: 'encrypted' });
    await using strict = await blade({ onUnscannable: { encrypted: 'block' } });
    expect(await strict.inspect(folder.join('a.zip'))).toMatchObject({
      threat: 'Encrypted-Archive',
      reason: 'not inspected: zip member is encrypted in archive member secret.txt',
    });
  });

  test('scans truncated archives and codings as far as they go', async () => {
    await using av = await blade();
    const zip = zipOf([
      { name: 'first', data: randomBytes(100) },
      { name: 'last', data: randomBytes(5000) },
    ]);
    expect(await av.inspect(zip.subarray(0, 3000))).toEqual({ kind: 'allow', notScanned: 'malformed' });
    const infected = zipOf([
      { name: 'e', data: eicar() },
      { name: 'last', data: randomBytes(5000) },
    ]);
    expect(await av.inspect(infected.subarray(0, 3000))).toEqual(foundIn('e'));
    const gzip = { 'content-encoding': 'gzip' };
    expect(await av.inspect(eicarGzip().subarray(0, -8), gzip)).toEqual(FOUND);
    expect(await av.inspect(gzipSync(randomBytes(5000)).subarray(0, 3000), gzip)).toEqual({
      kind: 'allow',
      notScanned: 'malformed',
    });
  });

  test('blocks codings that it cannot undo, and says which', async () => {
    await using av = await blade();
    expect(await av.inspect(Buffer.from('??'), { 'content-encoding': 'x-secret' })).toMatchObject({
      threat: 'Undecodable-Content',
      reason: 'not inspected: content coding x-secret is unknown',
    });
    await using lenient = await blade({ onUnscannable: { coding: 'allow' } });
    const verdict = await lenient.inspect(Buffer.from('??'), { 'content-encoding': 'x-secret' });
    expect(verdict).toEqual({ kind: 'allow', notScanned: 'coding' });
  });

  test('lets archives that it does not open pass as not scanned', async () => {
    await using av = await blade();
    const imploded = zipOf([{ name: 'a', data: Buffer.from('content') }]);
    imploded.writeUInt16LE(6, 8);
    imploded.writeUInt16LE(6, imploded.indexOf('PK\x01\x02') + 10);
    expect(await av.inspect(imploded)).toEqual({ kind: 'allow', notScanned: 'unsupported' });
  });
});

describe('speed', () => {
  test('adds less than a millisecond to a page of 1 KiB', async () => {
    await using av = await blade();
    const page = Buffer.from(`<!doctype html><p>${'plain text '.repeat(90)}`);
    const times: number[] = [];
    for (let i = 0; i < 200; i += 1) {
      const started = performance.now();
      await av.inspect(page, { 'content-type': 'text/html' });
      times.push(performance.now() - started);
    }
    expect(times.sort((a, b) => a - b)[100]).toBeLessThan(1); // 0.02 normally seen
  });
});

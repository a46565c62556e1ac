// Traffic that others have saved, for `weir replay`: HAR files of browsers, and packet captures of ICAP.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { pcapOf } from '../support/pcap.ts';
import { runCli } from '../support/runCli.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';

let folder: TempDir;

beforeAll(async () => {
  folder = await tempDir('weir-foreign-');
  await folder.write('weir.yaml', 'trace: { enabled: false }\n');
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

async function replayed(
  file: string,
): Promise<{ exitCode: number; lines: Record<string, never>[]; stderr: string }> {
  const { exitCode, stdout, stderr } = await runCli(['replay', file, '--json'], { cwd: folder.path });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { exitCode, stderr, lines: lines.map((line) => JSON.parse(line) as Record<string, never>) };
}

test('a HAR file is replayed: decoded bodies without their coding, uploads, and what was not saved as a part', async () => {
  const entry = (url: string, response: object, request: object = {}) => ({
    startedDateTime: '2026-01-01T00:00:00.000Z',
    time: 12,
    request: { method: 'GET', url, headers: [{ name: ':authority', value: 'a.test' }], ...request },
    response: { status: 200, statusText: 'OK', headers: [], ...response },
  });
  const bad = eicar();
  const har = {
    log: {
      version: '1.2',
      entries: [
        entry('https://a.test/page', { content: { text: '<p>fine', size: 7 } }),
        entry('https://a.test/virus', {
          headers: [{ name: 'Content-Encoding', value: 'gzip' }],
          content: { text: bad.toString('base64'), encoding: 'base64', size: bad.length },
        }),
        entry('https://a.test/upload', {}, { method: 'POST', postData: { text: bad.toString('latin1') } }),
        entry('https://a.test/video', { content: { size: 5_000_000 } }),
        { request: {} },
      ],
    },
  };
  await folder.write('page.har', `\uFEFF${JSON.stringify(har)}`);
  const { lines, exitCode } = await replayed('page.har');
  const verdicts = lines.slice(0, -1).map(({ now }: { now?: { verdict: string } }) => now?.verdict);
  expect(verdicts).toEqual(['allowed', 'blocked', 'blocked', 'allowed']);
  expect(lines[3]).toMatchObject({ partial: true });
  expect(lines.at(-1)).toMatchObject({ sums: { transactions: 4, unknown: 4, partial: 1 } });
  expect(exitCode).toBe(0);
});

test.each([
  ['a page.html', '<html>', /neither a recording of weir record nor a HAR file/],
  ['b.har', '{"log":{}}', /neither a recording/],
])('%s that is something else is refused', async (name, text, message) => {
  await folder.write(name, text);
  const { exitCode, stderr } = await replayed(name);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(message);
});

describeWithPeer('tshark', () => {
  const chunk = (data: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);
  const request = 'GET http://a.test/file HTTP/1.1\r\nHost: a.test\r\n\r\n';
  const response = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';
  const respmod = (preview: string): string =>
    `RESPMOD icap://scan.test/avscan ICAP/1.0\r\nHost: scan.test\r\nAllow: 204\r\nX-Client-IP: 10.1.2.3\r\n${preview}` +
    `Encapsulated: req-hdr=0, res-hdr=${request.length}, res-body=${request.length + response.length}\r\n\r\n` +
    request +
    response;
  const noContent = 'ICAP/1.0 204 No Content\r\nISTag: "a"\r\nEncapsulated: null-body=0\r\n\r\n';

  test('a packet capture is replayed: previews, 100 Continue, several exchanges on a connection', async () => {
    const bad = eicar();
    const page = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n';
    const pcap = pcapOf(
      [
        { from: 'client', bytes: 'OPTIONS icap://scan.test/avscan ICAP/1.0\r\nHost: scan.test\r\n\r\n' },
        {
          from: 'server',
          bytes:
            'ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: "a"\r\nPreview: 16\r\nEncapsulated: null-body=0\r\n\r\n',
        },
        // Clean, whole in its preview.
        {
          from: 'client',
          bytes: Buffer.concat([
            Buffer.from(respmod('Preview: 16\r\n')),
            chunk(Buffer.from('fine')),
            Buffer.from('0; ieof\r\n\r\n'),
          ]),
        },
        { from: 'server', bytes: noContent },
        // Let through by the scanner of then, behind a preview; ours blocks it.
        {
          from: 'client',
          bytes: Buffer.concat([
            Buffer.from(respmod('Preview: 16\r\n')),
            chunk(bad.subarray(0, 16)),
            Buffer.from('0\r\n\r\n'),
          ]),
        },
        { from: 'server', bytes: 'ICAP/1.0 100 Continue\r\n\r\n' },
        { from: 'client', bytes: Buffer.concat([chunk(bad.subarray(16)), Buffer.from('0\r\n\r\n')]) },
        { from: 'server', bytes: noContent },
        // Blocked then; ours lets it pass.
        {
          from: 'client',
          bytes: Buffer.concat([
            Buffer.from(respmod('')),
            chunk(Buffer.from('harmless')),
            Buffer.from('0\r\n\r\n'),
          ]),
        },
        {
          from: 'server',
          bytes: Buffer.concat([
            Buffer.from(
              `ICAP/1.0 200 OK\r\nISTag: "a"\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Old.Alarm;\r\n` +
                `Encapsulated: res-hdr=0, res-body=${page.length}\r\n\r\n${page}`,
            ),
            chunk(Buffer.from('no')),
            Buffer.from('0\r\n\r\n'),
          ]),
        },
      ],
      1344,
    );
    await folder.write('icap.pcap', pcap);
    const { lines, stderr } = await replayed('icap.pcap');
    expect(stderr).toBe('');
    expect(lines.slice(0, -1)).toMatchObject([
      {
        url: 'http://a.test/file',
        before: { verdict: 'allowed', status: 204 },
        now: { verdict: 'allowed' },
        changed: false,
      },
      { before: { verdict: 'allowed' }, now: { verdict: 'blocked' }, changed: true, partial: false },
      { before: { verdict: 'blocked', threat: 'Old.Alarm' }, now: { verdict: 'allowed' }, changed: true },
    ]);
  });

  test('a capture without ICAP is refused, and says where ICAP is looked for', async () => {
    await folder.write('web.pcap', pcapOf([{ from: 'client', bytes: 'GET / HTTP/1.1\r\n\r\n' }], 80));
    const { exitCode, stderr } = await replayed('web.pcap');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/tshark sees no ICAP in it \(TCP port 1344/);
  });
});

import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { rawServer, type RawServer } from '../icap/probe/raw-server.ts';
import { originServer } from '../support/originServer.ts';
import type { RawClient } from '../support/rawClient.ts';
import { runCli } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { testCa } from '../support/testCa.ts';

const NO_CONTENT = 'ICAP/1.0 204 No Content\r\nISTag: "t"\r\n\r\n';
const OPTIONS =
  'ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: "rules-7"\r\nPreview: 1024\r\nOptions-TTL: 600\r\n' +
  'Allow: 204, 206\r\nX-Odd: a\x1b[31mb\r\nEncapsulated: null-body=0\r\n\r\n';
const END = /\n0(?:; ieof)?\r\n\r\n$|null-body=\d+\r\n\r\n[^]*\r\n\r\n$|OPTIONS[^]*\r\n\r\n$/;

function page(status: number, body: string, fields = ''): string {
  const head = `HTTP/1.1 ${status} X\r\nContent-Type: text/html\r\n\r\n`;
  const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  return (
    `ICAP/1.0 200 OK\r\nISTag: "t"\r\n${fields}Encapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n` +
    `${head}${chunk}0\r\n\r\n`
  );
}

/** Answers one request with these bytes; `request` is what came. */
async function answering(bytes: string): Promise<RawServer & { request(): string; url: string }> {
  let request = '';
  const server = await rawServer(async (peer: RawClient) => {
    request = (await peer.take(END)).toString('latin1');
    peer.send(bytes);
  });
  return Object.assign(server, { request: () => request, url: `icap://127.0.0.1:${server.port}/scan` });
}

describe('weir icap options', () => {
  test('says first what the service offers, then explains each field', async () => {
    await using server = await answering(OPTIONS);
    const { exitCode, stdout, stderr } = await runCli(['icap', 'options', server.url]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')[0]).toBe('200 OK: the service offers RESPMOD');
    expect(stdout).toMatch(/ISTag +"rules-7" +version of the rules/);
    expect(stdout).toMatch(/Preview +1024 +wants the first 1024 bytes/);
    expect(stdout).toMatch(/Options-TTL +600 +this answer holds for 10 min/);
    expect(stdout).toMatch(/time: connect .* total /);
    expect(server.request()).toContain('Allow: 204, 206, trailers\r\n'); // C-62
  });

  test('never lets a server steer the terminal', async () => {
    await using server = await answering(OPTIONS);
    const { stdout } = await runCli(['icap', 'options', server.url, '--raw']);
    expect(stdout).toContain('a\\x1b[31mb');
    expect(stdout).not.toContain('\x1b');
  });

  test('colours the verdict on a terminal only', async () => {
    await using server = await answering(OPTIONS);
    const { stdout } = await runCli(['icap', 'options', server.url], { isTTY: true });
    expect(stdout.startsWith('\x1b[32m200 OK')).toBe(true);
  });

  test('an ICAP error fails with its status', async () => {
    await using server = await answering('ICAP/1.0 404 Service not found\r\nISTag: "t"\r\n\r\n');
    const { exitCode, stdout } = await runCli(['icap', 'options', server.url]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('FAILED: the server answers OPTIONS with 404 Service not found');
  });

  test('--json prints one object', async () => {
    await using server = await answering(OPTIONS);
    const { stdout } = await runCli(['icap', 'options', server.url, '--json', '--raw']);
    const { transcript, ...object } = JSON.parse(stdout) as {
      transcript: { entries: { direction: string; base64: string }[] };
    };
    expect(object).toMatchObject({
      ...{ url: server.url, method: 'OPTIONS', ok: true, methods: ['RESPMOD'], allow: ['204', '206'] },
      icap: { status: 200, reason: 'OK' },
    });
    expect(transcript.entries.map(({ direction }) => direction)).toEqual(['sent', 'received']);
    expect(Buffer.from(transcript.entries[1]!.base64, 'base64').toString('latin1')).toBe(OPTIONS);
  });
});

describe('weir icap reqmod', () => {
  test('without a file it is a GET without body', async () => {
    await using server = await answering(NO_CONTENT);
    const { exitCode, stdout } = await runCli(['icap', 'reqmod', server.url]);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')[0]).toBe('204 not modified: the server lets it pass');
    expect(server.request()).toContain('\r\n\r\nGET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n');
    expect(server.request()).toMatch(/Encapsulated: req-hdr=0, null-body=\d+\r\n/);
  });

  test('with a file it is a POST of it, with the fields that were asked for', async () => {
    await using folder = await tempDir();
    await folder.write('form.json', '{"a":1}');
    await using server = await answering(NO_CONTENT);
    const { exitCode } = await runCli(
      [
        ...['icap', 'reqmod', server.url.replace('icap://', 'icap://al:pw@'), '--file', 'form.json'],
        ...['--url', 'https://up.test/x?y#z', '--header', 'X-A: 1', '--header', 'user-agent: me'],
        ...['--client-ip', '192.0.2.7', '--user', 'alice', '--icap-header', 'X-I: 2', '--preview', '4KiB'],
        ...['--allow-206', '--trailers'],
      ],
      { cwd: folder.path },
    );
    expect(exitCode).toBe(0);
    const request = server.request();
    expect(request).toContain('\r\nAuthorization: Basic YWw6cHc=\r\n');
    expect(request).toContain(
      '\r\nX-Client-IP: 192.0.2.7\r\nX-Authenticated-User: TG9jYWw6Ly9hbGljZQ==\r\nX-I: 2\r\n',
    );
    expect(request).toContain('\r\nAllow: 204, 206, trailers\r\nPreview: 4096\r\n');
    expect(request).toContain('\r\n\r\nPOST https://up.test/x?y HTTP/1.1\r\nHost: up.test\r\n');
    expect(request).toContain(
      '\r\nContent-Type: application/json\r\nContent-Length: 7\r\nX-A: 1\r\nuser-agent: me\r\n\r\n',
    );
    expect(request.endsWith('\r\n\r\n7\r\n{"a":1}\r\n0; ieof\r\n\r\n')).toBe(true);
    expect(request).not.toContain('al:pw');
  });

  test('K-50 an answer in place of the origin is told as one', async () => {
    await using server = await answering(page(302, ''));
    const { exitCode, stdout } = await runCli(['icap', 'reqmod', server.url, '--expect', 'modify']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('200 answered: the server answers with HTTP 302 in place of the origin');
  });
});

describe('weir icap respmod', () => {
  test('K-62 a block names the threat and the field that told it', async () => {
    await using folder = await tempDir();
    const file = await folder.write('a.exe', 'MZ');
    const found = 'X-Infection-Found: Type=0; Resolution=2; Threat=Bad;\r\n';
    await using server = await answering(page(403, 'blocked', found));
    const { exitCode, stdout } = await runCli([
      'icap',
      'respmod',
      server.url,
      '--file',
      file,
      '--expect',
      'block',
    ]);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')[0]).toBe('BLOCKED: Bad (X-Infection-Found: Type=0; Resolution=2; Threat=Bad;)');
    expect(stdout).toMatch(/X-Infection-Found .* virus, to be blocked/);
    expect(stdout).toMatch(/^ {2}- HTTP\/1\.1 200 OK$[^]*^ {2}\+ HTTP\/1\.1 403 X$/m);
    expect(server.request()).toContain('GET http://example.com/a.exe HTTP/1.1\r\n');
  });

  test('--expect fails when the verdict is another', async () => {
    await using folder = await tempDir();
    const file = await folder.write('a', 'x');
    await using server = await answering(NO_CONTENT);
    const { exitCode, stderr } = await runCli([
      'icap',
      'respmod',
      server.url,
      '--file',
      file,
      '--expect',
      'block',
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe('weir: expected block, the verdict is pass\n');
  });

  test('--out gets the adapted body whole, or nothing at all', async () => {
    await using folder = await tempDir();
    await folder.write('a.txt', 'original');
    const args = (url: string, out: string): string[] => [
      'icap',
      'respmod',
      url,
      '--file',
      'a.txt',
      '--out',
      out,
    ];
    await using modified = await answering(page(200, 'changed'));
    const { stdout } = await runCli([...args(modified.url, 'new'), '--no-204'], { cwd: folder.path });
    expect(stdout.split('\n')[0]).toBe('200 modified: header and body changed');
    expect(await readFile(folder.join('new'), 'utf8')).toBe('changed');
    expect(modified.request()).not.toMatch(/^Allow:/m);

    await using unmodified = await answering(NO_CONTENT);
    await runCli(args(unmodified.url, 'same'), { cwd: folder.path });
    expect(await readFile(folder.join('same'), 'utf8')).toBe('original');

    await using broken = await answering(page(200, 'changed').slice(0, -5));
    const failed = await runCli([...args(broken.url, 'none'), '--timeout', '100ms'], { cwd: folder.path });
    expect(failed.exitCode).toBe(1);
    expect((await readdir(folder.path)).sort()).toEqual(['a.txt', 'new', 'same']);
  });

  test('--out into a folder that is not there fails with what to do', async () => {
    await using folder = await tempDir();
    await folder.write('a.txt', 'original');
    await using server = await answering(NO_CONTENT);
    const args = ['icap', 'respmod', server.url, '--file', 'a.txt', '--out', 'absent/x'];
    const { exitCode, stderr } = await runCli(args, { cwd: folder.path });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/cannot write .*absent\/x.*: check free space and permissions/);
  });

  test('the same message back counts as not modified', async () => {
    await using folder = await tempDir();
    const file = await folder.write('a.html', 'hello');
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nVia: ICAP/1.0 x\r\n\r\n';
    await using server = await answering(
      `ICAP/1.0 200 OK\r\nISTag: "t"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}5\r\nhello\r\n0\r\n\r\n`,
    );
    const args = ['icap', 'respmod', server.url, '--file', file, '--expect', 'pass', '--json'];
    const { exitCode, stdout } = await runCli(args);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ ok: true, verdict: 'pass', asExpected: true, threat: null },
      headerChanges: [{ mark: 'added', text: 'Via: ICAP/1.0 x' }],
      body: { size: 5, sent: 5, preview: null, continued: false, answeredEarly: false },
      result: { from: 'new', bytes: 5, changed: false },
    });
  });

  test('--raw marks both directions, dumps bodies and counts what it leaves out', async () => {
    await using folder = await tempDir();
    const file = await folder.write('a.bin', Buffer.alloc(100, 0xff));
    await using server = await answering(NO_CONTENT);
    const { stdout } = await runCli(['icap', 'respmod', server.url, '--file', file, '--raw']);
    expect(stdout).toMatch(/^> RESPMOD icap:/);
    expect(stdout).toMatch(/^> 64\n> {3}0000 {2}(?:ff ){15}ff {2}\|\.{16}\|$/m);
    expect(stdout).toMatch(
      /36 bytes more\n>\n> 0\n>\n< ICAP\/1\.0 204 No Content\n< ISTag: "t"\n<\n\n204 not modified/,
    );
  });

  test('oddities are noted with their id', async () => {
    await using folder = await tempDir();
    const file = await folder.write('a', 'x');
    await using server = await answering(NO_CONTENT.replace('ISTag: "t"\r\n', ''));
    const { stdout } = await runCli(['icap', 'respmod', server.url, '--file', file]);
    expect(stdout).toContain('note: C-111 the answer has no ISTag\n');
  });
});

describe('what cannot be done', () => {
  test.each([
    [['options', 'localhost'], /no scheme; try icap:\/\/localhost/],
    [['options', 'icap://h/', '--timeout', '5'], /--timeout: expected a duration/],
    [['options', 'icap://h/', '--icap-header', 'no colon'], /--icap-header: expected 'Name: value'/],
    [['options', 'icap://h/', '--cert', 'x.pem'], /--cert and --key go together/],
    [['options', 'icaps://h/', '--ca', 'absent.pem'], /cannot read absent\.pem/],
    [['reqmod', 'icap://h/', '--preview', 'x'], /--preview: expected a size/],
    [['reqmod', 'icap://h/', '--preview', '2MiB'], /--preview: expected 0 to 1048576 bytes/],
    [['reqmod', 'icap://h/', '--url', 'ftp://x/'], /--url: expected http/],
    [['reqmod', 'icap://h/', '--method', 'A B'], /--method: expected an HTTP method/],
    [['reqmod', 'icap://h/', '--client-ip', 'here'], /--client-ip: expected an IP address/],
    [['reqmod', 'icap://h/', '--icap-header', 'Preview: 3'], /Preview is set by --preview/],
    [['reqmod', 'icap://h/', '--header', 'A: b\nC: d'], /characters that a field may not hold/],
    [['reqmod', 'icap://h/', '--expect', 'luck'], /Allowed choices are pass, block, modify/],
    [['respmod', 'icap://h/'], /respmod needs a body/],
    [['respmod', 'icap://h/', '--file', 'absent'], /cannot read .*absent/],
    [['respmod'], /missing required argument/],
  ])('%j is wrong usage', async (args, message) => {
    const { exitCode, stdout, stderr } = await runCli(['icap', ...args]);
    expect(stderr).toMatch(message);
    expect([exitCode, stdout]).toEqual([2, '']);
  });

  test('nobody listening fails with a remedy, and as an object with --json', async () => {
    const url = `icap://127.0.0.1:${await freePort()}/scan`;
    const plain = await runCli(['icap', 'options', url]);
    expect([plain.exitCode, plain.stdout]).toEqual([1, '']);
    expect(plain.stderr).toMatch(/nothing listens there .*: check host and port/);
    const json = await runCli(['icap', 'options', url, '--json']);
    expect([json.exitCode, json.stderr]).toEqual([1, '']);
    expect(JSON.parse(json.stdout)).toMatchObject({ url, ok: false, error: { code: 'ERR_PROBE_CONNECT' } });
  });

  test('an HTTP server is recognised', async () => {
    await using origin = await originServer((_request, response) => response.end());
    const { exitCode, stderr } = await runCli(['icap', 'options', `icap://127.0.0.1:${origin.port}/`]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('an HTTP server answers here');
  });

  test('a silent server is given up, after its bytes were shown', async () => {
    await using server = await rawServer((peer) => peer.send('ICAP/1.0 200'));
    const url = `icap://127.0.0.1:${server.port}/`;
    const { exitCode, stdout, stderr } = await runCli([
      'icap',
      'options',
      url,
      '--raw',
      '--timeout',
      '100ms',
    ]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('< ICAP/1.0 200 (no line end)');
    expect(stderr).toContain('fell silent before the ICAP header was complete (12 bytes of it have come)');
  });
});

describe('icaps', () => {
  test('is reached with --ca or --insecure, and refused without', async () => {
    await using server = await rawServer(
      async (peer) => {
        await peer.take(END);
        peer.send(OPTIONS);
      },
      { tls: true },
    );
    const url = `icaps://localhost:${server.port}/scan`;
    const { certPath } = await testCa();
    const trusted = await runCli(['icap', 'options', url, '--ca', certPath]);
    expect([trusted.exitCode, trusted.stderr]).toEqual([0, '']);
    expect(trusted.stdout).toMatch(/time: connect .*, TLS /);
    expect(await runCli(['icap', 'options', url, '--insecure'])).toMatchObject({ exitCode: 0 });
    const refused = await runCli(['icap', 'options', url]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/certificate cannot be verified: .*--ca.*--insecure/);
  });
});

test.each(['options', 'reqmod', 'respmod'])('weir icap %s --help has an example', async (name) => {
  const { exitCode, stdout } = await runCli(['icap', name, '--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`Examples?:\\n[^]*weir icap ${name} icap://`));
});

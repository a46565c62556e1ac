// Every example as its reader runs it: a process of its own, our gateway as the ICAP server where it needs
// one, and a request each that passes and one that does not.

import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { IcapClient } from '../../src/embed/icap-client.ts';
import { request } from '../embed/client.ts';
import { curl } from '../support/curl.ts';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import type { TestWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const RUNNER = fileURLToPath(new URL('from-source.mjs', import.meta.url));
const START_MS = 25_000;

let weir: TestWeir;
let scan: string;

beforeAll(async () => {
  weir = await startTestWeir();
  scan = `icap://127.0.0.1:${weir.gatewayPort}/sandblast`;
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

interface Example extends AsyncDisposable {
  output(): string;
  /** Resolves with the match once the output has it; rejects when the example ends before, or is too slow. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<number | null>;
  /** Asks it to end. */
  stop(): void;
}

function run(name: string, env: Record<string, string>, args: readonly string[] = []): Example {
  const child = spawn(process.execPath, [RUNNER, path.join(EXAMPLES, name), ...args], {
    env: { ...process.env, NODE_OPTIONS: '', PORT: '0', ICAP: scan, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const watchers = new Set<() => void>();
  const grow = (chunk: Buffer): void => {
    output += chunk.toString();
    for (const watcher of watchers) watcher();
  };
  child.stdout.on('data', grow);
  child.stderr.on('data', grow);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    output: () => output,
    ended,
    stop: () => void child.kill('SIGTERM'),
    prints: (pattern) =>
      new Promise((resolve, reject) => {
        const give = (): void => reject(new Error(`${name} did not print ${String(pattern)}:\n${output}`));
        const timer = setTimeout(give, START_MS);
        const look = (): void => {
          const match = pattern.exec(output);
          if (match === null) return;
          clearTimeout(timer);
          resolve(match);
        };
        watchers.add(look);
        look();
        void ended.then(give);
      }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const listening = async (example: Example): Promise<string> => {
  return (await example.prints(/listening on (\S+)/))[1]!;
};

test('each is short, says how it is run, and is tested here', async () => {
  const tests = await readFile(fileURLToPath(import.meta.url), 'utf8');
  for (const name of await readdir(EXAMPLES)) {
    const text = await readFile(path.join(EXAMPLES, name), 'utf8');
    expect([name, text.split('\n').length < 60]).toEqual([name, true]);
    expect(text).toMatch(/^\/\/ /);
    expect(text).toMatch(/from 'weir';/);
    if (name === 'marks-blade.mjs') continue; // a part of gateway-service.mjs
    expect(text).toContain(`node examples/${name}`);
    expect(tests).toContain(`'${name}'`);
  }
});

test('express-upload-scan.mjs takes uploads and blocks infected ones', async () => {
  await using example = run('express-upload-scan.mjs', {});
  const url = `${await listening(example)}/upload`;
  expect(JSON.parse((await request(url, { body: Buffer.from('fine') })).text)).toMatchObject({ bytes: 4 });
  expect((await request(url, { body: eicar() })).status).toBe(403);
  await example.prints(/POST \S+\/upload 403 blocked \(.*EICAR.*\)/i);
});

test('http-proxy-attach.mjs scans what passes to an application and back', async () => {
  await using origin = await originServer((req, res) => {
    req.resume();
    req.on('end', () => res.end(req.url === '/eicar' ? eicar() : 'from the application'));
  });
  await using example = run('http-proxy-attach.mjs', { TARGET: origin.url });
  const url = await listening(example);
  expect((await request(url)).text).toBe('from the application');
  expect((await request(`${url}/eicar`)).status).toBe(403);
  expect((await request(url, { body: eicar() })).status).toBe(403);
  await origin.close();
  expect(await request(url)).toMatchObject({ status: 502 });
});

test('http-proxy-3.mjs leads to different applications, all scanned', async () => {
  await using api = await originServer((_req, res) => res.end('api'));
  await using files = await originServer((_req, res) => res.end(eicar()));
  await using example = run('http-proxy-3.mjs', { API: api.url, FILES: files.url });
  const url = await listening(example);
  expect((await request(`${url}/api/x`)).text).toBe('api');
  expect((await request(`${url}/file`)).status).toBe(403);
});

test('fastify.mjs gets scanned JSON', async () => {
  await using example = run('fastify.mjs', {});
  const url = `${await listening(example)}/hello`;
  const headers = { 'content-type': 'application/json' };
  const hello = await request(url, { headers, body: Buffer.from('{"name":"Ann"}') });
  expect([hello.status, hello.text]).toEqual([200, '{"hello":"Ann"}']);
  expect((await request(url, { headers, body: eicar() })).status).toBe(403);
});

test('plain-node.mjs exits with what it has found', async () => {
  await using folder = await tempDir();
  const clean = await folder.write('clean.txt', 'nothing here');
  const infected = await folder.write('eicar.com', eicar());
  const ofFiles = (...args: string[]) => run('plain-node.mjs', {}, args);
  await using fine = ofFiles(scan, clean);
  expect([await fine.ended, fine.output()]).toEqual([0, `${clean}: clean\n`]);
  await using found = ofFiles(scan, clean, infected);
  expect([await found.ended, found.output()]).toEqual([
    1,
    expect.stringMatching(/eicar\.com: blocked \(.*EICAR/i),
  ]);
  await using failed = ofFiles(`icap://127.0.0.1:${await freePort()}/scan`, clean);
  expect([await failed.ended, failed.output()]).toEqual([
    2,
    expect.stringContaining('clean.txt: not scanned'),
  ]);
  await using wrong = ofFiles();
  expect([await wrong.ended, wrong.output()]).toEqual([2, expect.stringContaining('usage:')]);
});

test('forward-proxy.mjs intercepts, and ends when told to', async () => {
  await using folder = await tempDir();
  await using origin = await originServer((_req, res) => res.end(eicar()));
  await using example = run('forward-proxy.mjs', { GATEWAY_PORT: '0', CERTS: folder.path });
  const url = await listening(example);
  expect((await curl(['--proxy', url, origin.url])).status).toBe(403);
  await example.prints(/GET http:\S+ 403 blocked .*EICAR/i);
  example.stop();
  expect(await example.ended).toBe(0);
});

test('gateway-service.mjs runs a blade of its own beside the anti-virus', async () => {
  await using example = run('gateway-service.mjs', {});
  using client = new IcapClient(await listening(example));
  const judge = async (body: string | Buffer): Promise<string> => {
    const { verdict, threat, body: rest } = await client.reqmod({ request: { url: 'http://a.test/' }, body });
    rest?.destroy();
    return threat?.name ?? verdict;
  };
  expect(await judge('plain')).toBe('unmodified');
  expect(await judge('this is CONFIDENTIAL')).toBe('Marked');
  expect(await judge(eicar())).toMatch(/eicar/i);
});

// `weir quarantine` beside a Weir that runs: malware is blocked and kept, looked at, released, taken out
// and removed.

import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { QuarantineEntry } from '../../src/gateway/quarantine/quarantine.ts';
import { eicar } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { runCli } from '../support/runCli.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

let weir: LocalWeir;
let origin: OriginServer;
let id: string;

beforeAll(async () => {
  origin = await originServer((_, response) => response.end(eicar()), { tls: true, names: ['site.test'] });
  weir = await startTestWeir();
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

const download = () => weir.curl(`https://site.test:${origin.port}/eicar.com`);
const quarantine = (...args: string[]) =>
  runCli(['quarantine', ...args, '--config', weir.folder.join('weir.yaml')], { cwd: weir.folder.path });

test('malware is kept once, however often it is downloaded, and the sinks hear of each block', async () => {
  const heard: string[] = [];
  const incidents = weir.weir.incidents;
  const both = new Promise<void>((resolve) => {
    incidents.attach({
      incident: ({ kind, cached, quarantined }) => {
        if (heard.push(`${kind} cached=${cached} quarantined=${quarantined}`) === 2) resolve();
      },
    });
  });
  expect((await download()).status).toBe(403);
  expect((await download()).status).toBe(403);
  await both;
  expect(heard).toEqual(['block cached=false quarantined=true', 'block cached=true quarantined=false']);
  const { stdout } = await quarantine('list', '--json');
  const entries = JSON.parse(stdout) as QuarantineEntry[];
  expect(entries).toMatchObject([
    { threat: 'EICAR-Test-File', blade: 'antivirus', bytes: 68, profile: 'optimized', client: '127.0.0.1' },
  ]);
  id = entries[0]!.id;
  expect(incidents.recent.map((incident) => incident.id)).toContain(id);
});

test('list and show tell people, with the URL', async () => {
  const list = await quarantine('list');
  expect(list.stdout).toContain(`${id}  `);
  const show = await quarantine('show', id);
  expect(show.stdout).toContain('threat     EICAR-Test-File');
  expect(show.stdout).toContain(`url        https://site.test:${origin.port}/eicar.com`);
});

test('export writes the body as it was, for its owner only, and never over a file', async () => {
  expect((await quarantine('export', id, '--out', 'sample')).exitCode).toBe(0);
  const file = weir.folder.join('sample');
  expect(readFileSync(file)).toEqual(eicar());
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = await quarantine('export', id, '--out', 'sample');
  expect(again.exitCode).not.toBe(0);
  expect(again.stderr).toContain('cannot write sample');
});

describe('release', () => {
  test('lets the same content pass, and --revoke takes it back', async () => {
    expect((await quarantine('release', id, '--for', '1h')).stdout).toMatch(
      /^content [0-9a-f]{64} passes until/,
    );
    await untilDownloaded(200);
    const { stdout } = await quarantine('show', id);
    expect(stdout).toContain('released   until');
    expect((await quarantine('release', id, '--revoke')).stdout).toContain('is judged again');
    await untilDownloaded(403);
  });

  test('says what a duration looks like', async () => {
    const { exitCode, stderr } = await quarantine('release', id, '--for', '5');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('such as 24h')]);
  });
});

test.each(['show', 'release', 'delete'])('%s of an id that is not there exits with 1', async (command) => {
  const { exitCode, stderr } = await quarantine(command, 'W-0000000000000');
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('nothing of W-0000000000000')]);
});

test('delete removes it', async () => {
  expect((await quarantine('delete', id)).exitCode).toBe(0);
  expect((await quarantine('list')).stdout).toBe('the quarantine is empty\n');
});

/** A gateway looks for releases of other processes four times a second. */
async function untilDownloaded(status: number): Promise<void> {
  for (;;) if ((await download()).status === status) return;
}

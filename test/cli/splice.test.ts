// `weir splice` on files: what it prints where there is nothing, something, or no file that it could use.

import { chmod, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { LearnedSplice } from '../../src/proxy/tls-policy/splice-file.ts';
import { readSplices, spliceFileIn, writeSplices } from '../../src/proxy/tls-policy/splice-file.ts';
import { runCli } from '../support/runCli.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';

const HOUR = 3_600_000;

function splice(host: string, client: string, given: Partial<LearnedSplice> = {}): LearnedSplice {
  const learnedAt = Date.now() - 2 * HOUR;
  const evidence = [
    { at: learnedAt - 1, how: 'unknown_ca' },
    { at: learnedAt, how: 'closed' },
  ];
  const times = { learnedAt, expiresAt: learnedAt + 24 * HOUR, evidence };
  return { client, user: null, host, port: 443, sni: host, ...times, ...given };
}

const weir = (folder: TempDir, ...args: string[]) => runCli(['splice', ...args, '--certs', folder.path]);

test('an empty list says so, and is no failure', async () => {
  await using folder = await tempDir();
  expect(await weir(folder, 'list')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('no host is spliced'),
  });
  expect(JSON.parse((await weir(folder, 'list', '--json')).stdout)).toEqual({
    file: spliceFileIn(folder.path),
    splices: [],
  });
  expect((await weir(folder, 'remove', 'a.test')).exitCode).toBe(1);
});

test('each line has host, client, time left and evidence; what has expired is left out', async () => {
  await using folder = await tempDir();
  const user = { user: 'ann', port: 8443 };
  const over = { expiresAt: Date.now() - 1 };
  writeSplices(spliceFileIn(folder.path), [
    splice('a.test', '192.0.2.7'),
    splice('b.test', '192.0.2.8', user),
    splice('c.test', '192.0.2.9', over),
  ]);
  expect((await weir(folder, 'list')).stdout.split('\n')).toEqual([
    'a.test:443  for 22h more: client 192.0.2.7 rejected the certificate of a.test 2 times (unknown_ca, closed)',
    'b.test:8443  for 22h more: client 192.0.2.8, user ann, rejected the certificate of b.test 2 times (unknown_ca, closed)',
    '',
  ]);
});

test('a host is removed for all clients, or for one', async () => {
  await using folder = await tempDir();
  const file = spliceFileIn(folder.path);
  writeSplices(
    file,
    ['192.0.2.7', '192.0.2.8', '192.0.2.9'].map((client) => splice('a.test', client)),
  );
  const one = await weir(folder, 'remove', 'a.test', '--client', '192.0.2.8', '--json');
  expect(JSON.parse(one.stdout)).toMatchObject({ removed: [{ host: 'a.test', client: '192.0.2.8' }] });
  expect(readSplices(file).map(({ client }) => client)).toEqual(['192.0.2.7', '192.0.2.9']);
  expect((await weir(folder, 'remove', 'A.test.')).stdout).toContain(
    'for 192.0.2.7, 192.0.2.9, from the next tunnel on',
  );
  expect(readSplices(file)).toEqual([]);
});

test('a file that others may write to, or that is none, is an error with what to do', async () => {
  await using folder = await tempDir();
  const file = spliceFileIn(folder.path);
  writeSplices(file, [splice('a.test', '192.0.2.7')]);
  await chmod(file, 0o622);
  expect(await weir(folder, 'list')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/chmod 600/),
  });
  await chmod(file, 0o600);
  await writeFile(file, 'nonsense');
  expect(await weir(folder, 'remove', 'a.test')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^weir: learned splices: /),
  });
});

test('wrong usage is 2, and help has examples', async () => {
  expect((await runCli(['splice', 'remove'])).exitCode).toBe(2);
  expect((await runCli(['splice', 'frobnicate'])).exitCode).toBe(2);
  expect((await runCli(['splice', '--help'])).stdout).toContain('weir splice remove app.example');
});

// Follows docs/plugins/tutorial.md: its blocks are written where they say, and run.

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { newPlugin } from '../../src/cli/plugins-new.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { originServer } from '../support/originServer.ts';
import { runCli } from '../support/runCli.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir, type WeirSettings } from '../support/weir.ts';

// The package is not installed beside a temporary folder; and threads run from the build while that is fresh.
const OWN = JSON.stringify(
  path.resolve(process.env.WEIR_BUILD_IS_FRESH === '1' ? 'dist/src/index.js' : 'src/index.ts'),
);
const fromHere = (text: string): string => text.replace("'weir'", OWN);

/** Blocks of the page that say which file they are, by its path. */
async function blocks(): Promise<Map<string, string>> {
  const page = await readFile('docs/plugins/tutorial.md', 'utf8');
  return new Map(
    [...page.matchAll(/^```\w+ file=(\S+)\n(.*?)^```$/gms)].map(([, file, text]) => [file!, text!]),
  );
}

/** Commands of the page, in its order. */
async function commands(): Promise<string[]> {
  const page = await readFile('docs/plugins/tutorial.md', 'utf8');
  return [...page.matchAll(/^```sh\n(.*?)\n```$/gms)].map(([, text]) => text!);
}

test('the tutorial leads to a plugin that blocks, with a test that passes', async () => {
  await using folder = await tempDir();
  let said = '';
  const terminal = {
    stdout: { write: (text: string) => (said += text) },
    cwd: folder.path,
  } as unknown as Terminal;
  const [begin = '', list = '', runTests = '', ...rest] = await commands();
  expect(rest).toEqual([]);
  const weirCommand = (command: string) => {
    expect(command).toMatch(/^weir /);
    return runCli(command.split(' ').slice(1), { cwd: folder.path });
  };
  const begun = await weirCommand(begin);
  expect([begun.exitCode, begun.stderr]).toEqual([0, '']);
  said = begun.stdout;
  expect(said).toContain('plugins: [./plugins/antivirus, ./marks]');
  await expect(newPlugin('marks', null, terminal)).rejects.toMatchObject({
    code: 'ERR_CONFIG_VALUE',
    message: expect.stringContaining('is not empty'),
  });
  await expect(newPlugin('No Name', null, terminal)).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' });

  const testFile = folder.join('marks/index.test.mjs');
  const asScaffolded = folder.join('marks/index.mjs');
  for (const file of [testFile, asScaffolded]) await writeFile(file, fromHere(await readFile(file, 'utf8')));
  const runTest = () =>
    promisify(execFile)(runTests.split(' ')[0]!, runTests.split(' ').slice(1), {
      cwd: folder.join('marks'),
      env: { ...process.env, NODE_OPTIONS: `--import ${import.meta.resolve('tsx')}` },
    });
  const written = await blocks();
  await writeFile(asScaffolded, fromHere(written.get('marks/index.mjs')!));
  await folder.write('weir.yaml', written.get('weir.yaml')!);
  expect(await weirCommand(list)).toMatchObject({
    ...{ exitCode: 0, stderr: '' },
    stdout: expect.stringMatching(/^marks 1\.0\.0 .*blades: marks/m),
  });
  const settings = parse(written.get('weir.yaml')!) as WeirSettings & { plugins: { with: object }[] };
  const plugin = { ...settings.plugins[0]!, use: asScaffolded };

  await using origin = await originServer((request, response) =>
    request.resume().on('end', () => response.end('fine')),
  );
  await using weir = await startTestWeir({ ...settings, plugins: [plugin] });
  const send = (text: string) => weir.curl('--data-binary', text, `http://origin.test:${origin.port}/`);
  expect((await send('nothing special')).status).toBe(200);
  expect((await send('it is SECRET')).status).toBe(403);
  expect((await runTest()).stdout).toMatch(/pass 2/);
  await expect(weir.reload({ plugins: [{ ...plugin, with: { marc: 'x' } }] })).rejects.toMatchObject({
    message: expect.stringContaining('unknown option marc'),
  });
});

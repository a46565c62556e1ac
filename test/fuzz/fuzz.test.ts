// A share of `npm run fuzz` in every run of the tests: a few seconds at a desk, a minute in CI. The seed is new
// each time; what fails is written to a temporary folder and printed.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { tempDir } from '../support/tempDir.ts';

const SECONDS = process.env['CI'] === 'true' ? 60 : 5;
const RUN = fileURLToPath(new URL('run.mjs', import.meta.url));

function fuzz(args: readonly string[]): Promise<{ exitCode: number | null; output: string }> {
  const child = spawn(process.execPath, [RUN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  return new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, output })));
}

test(`${SECONDS} s of damaged messages find no fault in the codec and the server`, async () => {
  await using failures = await tempDir();
  const { exitCode, output } = await fuzz(['--seconds', String(SECONDS), '--failures', failures.path]);
  for (const page of await readdir(failures.path)) {
    process.stderr.write(`${page}, to be kept in test/vectors/icap/regressions:\n`);
    process.stderr.write(await readFile(failures.join(page), 'utf8'));
  }
  expect({ exitCode, output }).toEqual({ exitCode: 0, output: expect.stringMatching(/ cases, 0 failed\n/) });
  expect(output).toMatch(/--seed \d+/);
  for (const met of ['ERR_ICAP_CHUNK in failed', 'probe served', 'status 100', 'status 400'])
    expect(output).toContain(met);
}, 300_000);

test.each([
  ['--seconds many', /--seconds: expected a whole number, got "many"/],
  ['--target nothing', /no target "nothing"/],
  ['--frobnicate', /frobnicate/],
])('`npm run fuzz -- %s` is refused with the usage', async (args, message) => {
  const { exitCode, output } = await fuzz(args.split(' '));
  expect(exitCode).toBe(2);
  expect(output).toMatch(message);
  expect(output).toContain('Example: npm run fuzz');
});

// Runs the commands of docs/tutorial.md, in their order, against a Weir of the test and an origin that stands
// for the site: what the page says that they print, they must print.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { runCli } from '../support/runCli.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';
import { ROOT } from './pages.ts';

const PAGE = readFileSync(path.join(ROOT, 'docs/tutorial.md'), 'utf8');
const STARTS_WEIR = /^npm start/;
const SITE = 'example.com';

/** A command of the page, and what the block behind it says that it prints. */
interface Step {
  readonly command: string;
  readonly prints: readonly string[];
}

const steps: Step[] = [...PAGE.matchAll(/^```sh\n([^]*?)^```$(?:\n\n```text\n([^]*?)^```$)?/gm)]
  .map(([, command, printed = '']) => ({ command: command!.trim(), prints: printed.trim().split('\n') }))
  .filter(({ command }) => !STARTS_WEIR.test(command));

let weir: LocalWeir;
let origin: OriginServer;
beforeAll(async () => {
  origin = await originServer(
    (request, response) => {
      request.resume();
      response.setHeader('Content-Type', 'text/html');
      response.end('<!doctype html>\n<h1>Example Domain</h1>\n');
    },
    { tls: true, names: [SITE] },
  );
  weir = await startTestWeir({ proxy: { upstream: { hosts: { [SITE]: '127.0.0.1' } } } });
}, 30_000);
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
  await origin?.close();
});

/** The command with the addresses of this test in place of the page's. */
function here(command: string): string {
  return command
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${weir.proxyPort}`)
    .replaceAll('certs/ca.pem', weir.caPath)
    .replaceAll(`https://${SITE}/`, `https://${SITE}:${origin.port}/`);
}

async function output(command: string): Promise<string> {
  const [program, ...words] = command.split(' ');
  if (program === 'bin/weir') {
    await weir.weir.traces!.flush();
    const { stdout } = await runCli([...words, '--config', weir.folder.join('weir.yaml')]);
    return stdout;
  }
  const child = spawn('bash', ['-c', here(command)], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}

/** What was printed, with the site as the page names it. */
function asOnPage(text: string): string {
  return text.replaceAll(`:${origin.port}/`, '/').replaceAll(`:${origin.port} `, ':443 ');
}

/** A line of the page as a pattern: `…` stands for anything. */
function pattern(line: string): RegExp {
  const parts = line.split('…').map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('.*').replace(/ {2,}/g, ' +'), 'm');
}

test('the page has a step for each thing that it promises', () => {
  expect(steps.map(({ command }) => command.split(/\s/, 1)[0])).toEqual([
    ...['curl', 'curl', 'curl', 'printf', 'bin/weir', 'curl'],
  ]);
});

test('each command prints what the page says', async () => {
  for (const { command, prints } of steps) {
    const text = asOnPage(await output(command));
    for (const line of prints) {
      if (!pattern(line).test(text)) throw new Error(`${command}\nmust print ${line}\nand printed\n${text}`);
    }
  }
  expect(origin.requests.map(({ method }) => method)).toEqual(['GET', 'GET']); // the upload never came
}, 30_000);

// The configuration of docs/blades/dlp.md, pasted into a Weir and tried with curl; its fingerprints are made
// on the command line as the page says.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { configurationOf } from '../../support/blade.ts';
import { zipOf } from '../../support/eicar.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { startTestWeir, type LocalWeir, type WeirSettings } from '../../support/weir.ts';

const MAKE = new URL('../../../plugins/dlp/make-fingerprints.ts', import.meta.url).href;
const SOURCES = new URL('../../../src/util/source-worker.mjs', import.meta.url).href;
const CLAUSE = Array.from(
  { length: 40 },
  (_, n) => `In the case ${n * 37} of article ${n} the fee is ${n * 91}.`,
);

let folder: TempDir;
let weir: LocalWeir;
let origin: OriginServer;
let received: Buffer[];
beforeAll(async () => {
  folder = await tempDir();
  const documents = await tempDir();
  await documents.write('contract.txt', CLAUSE.join('\n'));
  const prints = folder.join('contracts.json');
  const program = `
    process.argv.splice(1, 9, 'x', 'data:text/javascript,');
    await import(${JSON.stringify(SOURCES)}); // makes the sources loadable, as it does for threads
    process.argv.splice(1, 9, 'x', ${JSON.stringify(documents.path)}, ${JSON.stringify(prints)});
    await import(${JSON.stringify(MAKE)});`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  expect(stdout).toMatch(/contracts\.json: 1 documents, \d+ fingerprints/);
  const page = JSON.stringify(await configurationOf('blades/dlp.md'));
  weir = await startTestWeir(JSON.parse(page.replace('secret/contracts.json', prints)) as WeirSettings);
  origin = await originServer((request, response) => {
    request.on('data', (chunk: Buffer) => received.push(chunk));
    request.on('end', () => response.end('stored'));
  });
  received = [];
  await documents[Symbol.asyncDispose]();
});
afterAll(async () => {
  await weir.stop();
  await weir[Symbol.asyncDispose]();
  await origin.close();
  await folder[Symbol.asyncDispose]();
});

const send = (...args: string[]) => weir.curl(...args, `http://shop.test:${origin.port}/pay`);

test('an upload with a card number gets the block page and never reaches the site', async () => {
  const archive = await folder.write(
    'a.zip',
    zipOf([{ name: 'l.csv', data: Buffer.from('a;4012888888881881') }]),
  );
  const blocked = await send('-F', `file=@${archive}`);
  expect(blocked.status).toBe(403);
  expect(blocked.body.toString()).toContain('1 card number ending in 1881 in a.zip!/l.csv');
  expect(blocked.body.toString()).not.toContain('888888');
  expect(received).toEqual([]);
});

test('a form without a find reaches the site as it was', async () => {
  const passed = await send('-d', 'card=4012888888881882&ssn=536-90-4399');
  expect([passed.status, passed.body.toString()]).toEqual([200, 'stored']);
  expect(Buffer.concat(received).toString()).toBe('card=4012888888881882&ssn=536-90-4399');
});

test('a passage of a protected document, and words close together, are refused', async () => {
  const passage = await send('-d', CLAUSE.slice(5, 20).join(' '));
  expect(passage.body.toString()).toContain('a passage of the document &quot;contract.txt&quot;');
  const words = await send('-d', 'due diligence of Project  Halcyon');
  expect(words.body.toString()).toContain('words of the list &quot;merger&quot;');
});

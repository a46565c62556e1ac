// The configuration of docs/blades/cdr.md, pasted into a Weir and tried with curl.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { configurationOf } from '../../support/blade.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { startTestWeir, type LocalWeir } from '../../support/weir.ts';
import { zipOf } from '../../support/eicar.ts';
import { defectsOf, membersOf, office, WORD_PARTS } from './documents.ts';

const DOCUMENT = office(WORD_PARTS);

let weir: LocalWeir;
let origin: OriginServer;
beforeAll(async () => {
  weir = await startTestWeir(await configurationOf('blades/cdr.md'));
  origin = await originServer((request, response) => {
    if (request.url === '/packed.zip') response.end(zipOf([{ name: 'in/a.docm', data: DOCUMENT }]));
    else response.end(request.url === '/legacy.doc' ? legacy() : DOCUMENT);
  });
});
afterAll(async () => {
  await weir.stop();
  await weir[Symbol.asyncDispose]();
  await origin.close();
});

function legacy(): Buffer {
  const start = Buffer.from('d0cf11e0a1b11ae1', 'hex');
  return Buffer.concat([
    start,
    Buffer.alloc(600),
    Buffer.from('WordDocument', 'utf16le'),
    Buffer.alloc(1000),
  ]);
}

test('a download arrives without its macros, and whole', async () => {
  const { status, body, header } = await weir.curl(`http://files.test:${origin.port}/a.docm`);
  expect([status, header('content-length')]).toEqual([200, String(body.length)]);
  const members = membersOf(body);
  expect(defectsOf(members)).toEqual([]);
  expect(members.has('word/vbaProject.bin')).toBe(false);
  expect(members.get('word/document.xml')!.toString()).toContain('Hello, reader');
  const [record] = await weir.logged(({ msg }) => msg?.startsWith('took ') === true);
  expect(record).toMatchObject({ removed: expect.arrayContaining(['macros word/vbaproject.bin']) });
});

test('a document that is not cleaned gets the block page', async () => {
  const { status, body } = await weir.curl(`http://files.test:${origin.port}/legacy.doc`);
  expect(status).toBe(403);
  expect(body.toString()).toContain('Legacy-Document');
});

test('an archive arrives with its document cleaned', async () => {
  const { status, body, header } = await weir.curl(`http://files.test:${origin.port}/packed.zip`);
  expect([status, header('content-length')]).toEqual([200, String(body.length)]);
  expect([...membersOf(membersOf(body).get('in/a.docm')!).keys()]).not.toContain('word/vbaProject.bin');
});

// The answer to OPTIONS as it came: what people look at when a service and its client do not agree.

import { expect, test } from '@jest/globals';
import { scriptedIcap } from './scripted-icap.ts';

const ignore = (): void => {};

async function answered(options: string): Promise<ReturnType<typeof shown>> {
  await using server = await scriptedIcap(ignore, { options: () => options });
  const client = server.client();
  expect(client.optionsAnswer).toBeNull();
  await client.describe().catch(ignore);
  return shown(client);
}

function shown({ optionsAnswer }: ReturnType<Awaited<ReturnType<typeof scriptedIcap>>['client']>) {
  const { head, headBytes, headLength } = optionsAnswer!;
  return { status: head.status, text: headBytes.toString('latin1'), bytes: headBytes.length, headLength };
}

test.each([
  [
    'spaces, folds and the case of names',
    'ICAP/1.0 200  Fine\r\nmethods:   RESPMOD ,\r\n REQMOD\r\nISTag: "a"\r\n',
  ],
  ['bytes beyond ASCII', 'ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nService: Schl\xfcssel\r\nISTag: "a"\r\n'],
])('K-05 keeps the head with %s as it was, without the body behind it', async (_, fields) => {
  const head = `${fields}Encapsulated: opt-body=0\r\nOpt-body-type: x\r\n\r\n`;
  const { text, headLength } = await answered(`${head}5\r\nbytes\r\n0\r\n\r\n`);
  expect(text).toBe(head);
  expect(headLength).toBe(head.length);
});

test('keeps an answer that says no as well', async () => {
  const { status, text } = await answered('ICAP/1.0 404 Not here\r\nEncapsulated: null-body=0\r\n\r\n');
  expect([status, text.split('\r\n', 1)[0]]).toEqual([404, 'ICAP/1.0 404 Not here']);
});

test('keeps the first 16 KiB of a long head, and knows how long it was', async () => {
  const field = `X-Long: ${'x'.repeat(4000)}\r\n`;
  const head = `ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: "a"\r\n${field.repeat(5)}Encapsulated: null-body=0\r\n\r\n`;
  const { bytes, headLength } = await answered(head);
  expect([bytes, headLength]).toEqual([16 * 1024, head.length]);
});

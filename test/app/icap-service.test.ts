// What the configuration says of an ICAP service, from the file to the bytes that the service gets.

import { rm, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { originServer } from '../support/originServer.ts';
import { tempDir } from '../support/tempDir.ts';
import { testCa } from '../support/testCa.ts';
import type { WeirSettings } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';
import { tlsServed, unixServed } from './passive-icap.ts';

const RULES = [{ point: 'respmod', use: ['other'] }];
const using = (service: Record<string, unknown>): WeirSettings => ({
  adaptation: { services: { other: service }, rules: RULES },
});

test('redact, identity, preview and allow reach a service behind a Unix socket', async () => {
  await using folder = await tempDir('weir-unix-');
  const path = folder.join('icap.sock');
  await using icap = await unixServed(path);
  await using origin = await originServer((_request, response) => {
    response.setHeader('Set-Cookie', 'a=s3cret');
    response.end('a page');
  });
  await using weir = await startTestWeir(
    using({
      url: `icap+unix:${path}?/av`,
      redact: ['cookie', 'set-cookie'],
      identity: { headers: ['X-Client-IP'] },
      preview: false,
      allow: ['204'],
    }),
  );
  const { body, header } = await weir.curl('-H', 'Cookie: open=sesame', `${origin.url}/`);
  expect(header('set-cookie')).toBe('a=s3cret');
  expect(body.toString()).toBe('a page');
  const [options, respmod] = icap.requests;
  expect(options).toMatch(/^OPTIONS icap:\/\/localhost\/av [^]*\r\nAllow: 204\r\n/);
  expect(respmod).toContain('\r\nX-Client-IP: 127.0.0.1\r\n');
  expect(respmod).not.toMatch(/X-Server-IP|Preview|sesame|s3cret/);
  expect(respmod).toMatch(/\r\nCookie: \S+\r\n/);
});

test('icaps trusts the files of tls, and a file that changed makes new connections at a reload', async () => {
  const ca = await testCa();
  await using folder = await tempDir('weir-icaps-');
  await using origin = await originServer((_request, response) => response.end('a page'));
  await using icap = await tlsServed({
    ...(await ca.issue(['icap.example'])),
    requestCert: true,
    ca: ca.cert,
  });
  const write = async (name: string): Promise<void> => {
    const { cert, key } = await ca.issue([name]);
    await folder.write('own.pem', cert);
    await folder.write('own.key', key);
  };
  await write('first.test');
  const settings = using({
    url: `icaps://127.0.0.1:${icap.port}/av`,
    tls: {
      ca: [ca.certPath],
      cert: folder.join('own.pem'),
      key: folder.join('own.key'),
      serverName: 'icap.example',
    },
  });
  await using weir = await startTestWeir(settings);
  const seen = async (): Promise<string | undefined> => {
    expect((await weir.curl(`${origin.url}/`)).body.toString()).toBe('a page');
    return icap.clients.at(-1);
  };
  expect(await seen()).toBe('first.test');
  await weir.reload(settings);
  expect(await seen()).toBe('first.test');
  expect(icap.clients.length).toBe(1);
  await write('second.test');
  await weir.reload(settings);
  expect(await seen()).toBe('second.test');
  await writeFile(folder.join('own.pem'), 'no certificate');
  await expect(weir.reload(settings)).rejects.toMatchObject({
    code: 'ERR_CONFIG_VALUE',
    message: expect.stringContaining('adaptation.services.other.tls'),
  });
  await rm(folder.join('own.pem'));
  await expect(weir.reload(settings)).rejects.toMatchObject({
    code: 'ERR_CONFIG_UNREADABLE',
    message: expect.stringContaining('adaptation.services.other.tls.cert'),
  });
  expect(await seen()).toBe('second.test');
});

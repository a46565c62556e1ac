// Networks that may connect, and passwords of the ICAP hop.

import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { formatHash, hashPassword } from '../../../src/auth/password-hash.ts';
import { rawClient } from '../../support/rawClient.ts';
import { tempDirForFile } from '../../support/tempDir.ts';
import { decodeAnswers } from '../../support/vectors.ts';
import { OPTIONS, REQMOD, startGuarded } from './guarded.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const withField = (request: string, field: string): string => request.replace('\r\n', `\r\n${field}\r\n`);

/** The one answer to a request on a new connection, and whether the server closed. */
async function ask(port: number, request: string, host = '127.0.0.1') {
  await using client = await rawClient(port, { host });
  client.send(request);
  const text = (await client.until('\r\n\r\n')).toString('latin1');
  return { text, status: Number(text.split(' ')[1]), closes: text.includes('\r\nConnection: close\r\n') };
}

describe('networks', () => {
  test('S-403 the status line says which address is not allowed', async () => {
    await using lab = await startGuarded({ allow: ['192.0.2.0/24'] });
    const { text } = await ask(lab.port, OPTIONS);
    expect(text).toMatch(/^ICAP\/1\.0 403 Forbidden: 127\.0\.0\.1 is not in gateway\.allow\r\n/);
    expect(lab.refused).toMatchObject([{ peer: '127.0.0.1', error: { code: 'ERR_ICAP_FORBIDDEN' } }]);
  });

  test('an IPv6 listener serves IPv6 clients by their network', async () => {
    await using open = await startGuarded({ allow: ['::1'] }, {}, '::1');
    expect(await ask(open.port, OPTIONS, '::1')).toMatchObject({ status: 200 });
    await using shut = await startGuarded({ allow: ['2001:db8::/32'] }, {}, '::1');
    expect(await ask(shut.port, OPTIONS, '::1')).toMatchObject({ status: 403 });
  });

  test('a listener on both families knows an IPv4 client by its IPv4 address', async () => {
    await using lab = await startGuarded({ allow: ['127.0.0.0/8'] }, {}, '::');
    expect(await ask(lab.port, REQMOD)).toMatchObject({ status: 204 });
    expect(lab.reports[0]?.transaction.icapClient).toBe('127.0.0.1');
    expect(await ask(lab.port, OPTIONS, '::1')).toMatchObject({ status: 403 });
  });

  test('several listeners serve side by side, and one can go', async () => {
    await using lab = await startGuarded();
    const second = await lab.server.listen(0, '::1');
    expect(await ask(lab.port, OPTIONS)).toMatchObject({ status: 200 });
    expect(await ask(second.port, OPTIONS, '::1')).toMatchObject({ status: 200 });
    lab.server.unlisten(second);
    expect(await ask(lab.port, OPTIONS)).toMatchObject({ status: 200 });
    await expect(rawClient(second.port, { host: '::1' })).rejects.toThrow();
  });
});

describe('passwords', () => {
  let file: string;
  let others: string;

  beforeAll(async () => {
    const folder = await tempDirForFile('weir-passwords-');
    const line = async (user: string, password: string): Promise<string> =>
      `${user}:${formatHash(await hashPassword(Buffer.from(password)))}\n`;
    const { writeFile } = await import('node:fs/promises');
    file = `${folder}/users`;
    others = `${folder}/others`;
    await writeFile(file, (await line('squid', 'geheim')) + (await line('jürgen', 'pässword')), {
      mode: 0o600,
    });
    await writeFile(others, await line('other', 'geheim'), { mode: 0o600 });
  });

  const all = () => ({ passwords: { file, services: {} } });

  test.each(['OPTIONS', 'REQMOD', 'nowhere'])(
    'S-407 %s without credentials is asked for them, and closed',
    async (what) => {
      await using lab = await startGuarded(all());
      const request =
        what === 'REQMOD' ? REQMOD : what === 'OPTIONS' ? OPTIONS : OPTIONS.replace('/s', '/nowhere');
      const { text } = await ask(lab.port, request);
      expect(decodeAnswers(Buffer.from(text, 'latin1'))[0]).toMatchObject({
        status: 407,
        fields: expect.arrayContaining([
          'proxy-authenticate: Basic realm="Weir", charset="UTF-8"',
          'connection: close',
          'encapsulated: null-body=0',
        ]),
      });
      expect(lab.refused).toMatchObject([{ peer: '127.0.0.1', error: { code: 'ERR_ICAP_AUTH' } }]);
    },
  );

  test.each(['Proxy-Authorization', 'Authorization', 'authorization'])(
    'C-18 the right password in %s is let in',
    async (name) => {
      await using lab = await startGuarded(all());
      const request = withField(REQMOD, `${name}: ${basic('squid:geheim')}`);
      expect(await ask(lab.port, request)).toMatchObject({ status: 204, closes: false });
      expect(lab.reports[0]?.transaction.icapUser).toBe('squid');
    },
  );

  test('C-91 a relayed Proxy-Authorization of somebody else does not hide the own Authorization', async () => {
    await using lab = await startGuarded(all());
    const relayed = withField(REQMOD, `Proxy-Authorization: ${basic('surfer:x')}`);
    expect(await ask(lab.port, withField(relayed, `Authorization: ${basic('squid:geheim')}`))).toMatchObject({
      status: 204,
    });
    const digest = withField(REQMOD, 'Proxy-Authorization: Digest username="surfer"');
    expect(await ask(lab.port, withField(digest, `Authorization: ${basic('squid:geheim')}`))).toMatchObject({
      status: 204,
    });
  });

  test.each(['squid:falsch', 'nobody:geheim', 'squid:', 'Squid:geheim'])(
    'S-407 %s is refused',
    async (credentials) => {
      await using lab = await startGuarded(all());
      const request = withField(OPTIONS, `Proxy-Authorization: ${basic(credentials)}`);
      expect(await ask(lab.port, request)).toMatchObject({ status: 407, closes: true });
      expect(lab.refused[0]?.error.message).toBe('wrong user or password');
    },
  );

  test('names and passwords beyond ASCII are UTF-8', async () => {
    await using lab = await startGuarded(all());
    const request = withField(REQMOD, `Authorization: ${basic('jürgen:pässword')}`);
    expect(await ask(lab.port, request)).toMatchObject({ status: 204 });
    expect(lab.reports[0]?.transaction.icapUser).toBe('jürgen');
  });

  test('requests on one connection each bring their credentials, pipelined ones too', async () => {
    await using lab = await startGuarded(all());
    await using client = await rawClient(lab.port);
    const good = withField(REQMOD, `Authorization: ${basic('squid:geheim')}`);
    client.send(good + good + good + OPTIONS + good);
    const answers = decodeAnswers(await client.closed());
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 407]);
  });

  test('a body that arrives while the password is checked is all there', async () => {
    await using lab = await startGuarded(all());
    await using client = await rawClient(lab.port);
    const head = `REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAuthorization: ${basic('squid:geheim')}\r\nEncapsulated: req-hdr=0, req-body=46\r\n\r\nPOST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n`;
    client.send(`${head}5\r\nhello\r\n`);
    client.send('0\r\n\r\n');
    const answer = decodeAnswers(await client.until('0\r\n\r\n'))[0];
    expect(answer).toMatchObject({ status: 200 });
    expect(client.received().toString('latin1')).toContain('\r\n5\r\nhello\r\n0\r\n\r\n');
  });

  test('a client that leaves while its password is checked disturbs nobody', async () => {
    await using lab = await startGuarded(all());
    await using first = await rawClient(lab.port);
    first.send(withField(REQMOD, `Authorization: ${basic('squid:once')}`));
    await first[Symbol.asyncDispose]();
    const request = withField(REQMOD, `Authorization: ${basic('squid:geheim')}`);
    expect(await ask(lab.port, request)).toMatchObject({ status: 204 });
  });

  test('a service may have its own users, or none', async () => {
    const services = { '/s': others, '/open': null };
    await using lab = await startGuarded({ passwords: { file, services } });
    const other = `Authorization: ${basic('other:geheim')}`;
    expect(await ask(lab.port, withField(REQMOD, other))).toMatchObject({ status: 204 });
    expect(await ask(lab.port, withField(REQMOD, `Authorization: ${basic('squid:geheim')}`))).toMatchObject({
      status: 407,
    });
    expect(await ask(lab.port, REQMOD.replace('/s ', '/open '))).toMatchObject({ status: 204 });
    expect(await ask(lab.port, OPTIONS.replace('/s ', '/nowhere '))).toMatchObject({ status: 407 });
  });

  test('only one service asks for a password', async () => {
    await using lab = await startGuarded({ passwords: { file: null, services: { '/s': file } } });
    expect(await ask(lab.port, REQMOD)).toMatchObject({ status: 407 });
    expect(await ask(lab.port, REQMOD.replace('/s ', '/open '))).toMatchObject({ status: 204 });
    expect(lab.reports.at(-1)?.transaction.icapUser).toBeNull();
  });

  test('a changed file is read by a reload, a broken one leaves everything as it was', async () => {
    const { writeFile } = await import('node:fs/promises');
    const text = await readFile(file, 'utf8');
    const copy = `${file}-copy`;
    await writeFile(copy, text, { mode: 0o600 });
    const options = { passwords: { file: copy, services: {} } };
    await using lab = await startGuarded(options);
    const squid = withField(OPTIONS, `Authorization: ${basic('squid:geheim')}`);
    expect(await ask(lab.port, squid)).toMatchObject({ status: 200 });
    await writeFile(copy, 'squid:plain');
    expect(() => lab.server.reconfigure(options)).toThrow(`${copy}:1: squid has no hash that is known`);
    expect(await ask(lab.port, squid)).toMatchObject({ status: 200 });
    await writeFile(copy, await readFile(others));
    lab.server.reconfigure(options);
    expect(await ask(lab.port, squid)).toMatchObject({ status: 407 });
    expect(await ask(lab.port, withField(OPTIONS, `Authorization: ${basic('other:geheim')}`))).toMatchObject({
      status: 200,
    });
  });

  test('a server that cannot read its users does not listen', async () => {
    await expect(startGuarded({ passwords: { file: '/nowhere/users', services: {} } })).rejects.toMatchObject(
      {
        code: 'ERR_CONFIG_UNREADABLE',
      },
    );
  });
});

describe('limits', () => {
  test('S-12 the last request that a connection may carry is answered with Connection: close', async () => {
    await using lab = await startGuarded({ limits: { maxRequestsPerConnection: 3 } });
    await using client = await rawClient(lab.port);
    client.send(REQMOD + OPTIONS + REQMOD + OPTIONS);
    const answers = decodeAnswers(await client.closed());
    expect(answers.map(({ status }) => status)).toEqual([204, 200, 204]);
    expect(answers.map(({ fields }) => fields.includes('connection: close'))).toEqual([false, false, true]);
  });

  test('S-12 without a limit a connection carries any number', async () => {
    await using lab = await startGuarded();
    await using client = await rawClient(lab.port);
    client.send(OPTIONS.repeat(500));
    await client.until((received) => received.toString('latin1').split('ICAP/1.0 200 OK').length === 501);
  });

  test.each([
    ['a request line', { startLineBytes: 256 }, OPTIONS.replace('/s ', `/s?${'x'.repeat(250)} `)],
    ['a header', { headerBytes: 1024 }, withField(OPTIONS, `X-Long: ${'x'.repeat(1000)}`)],
    ['fields', { headerFields: 10 }, withField(OPTIONS, 'X-A: 1\r\n'.repeat(10).slice(0, -2))],
    [
      'an HTTP header',
      { sectionBytes: 1024 },
      REQMOD.replace('null-body=45', `null-body=${1025}`).replace('Host: a.test', `Host: ${'a'.repeat(986)}`),
    ],
  ])('C-16 %s beyond the limit is 400, at the default it is not', async (_, head, request) => {
    const { DEFAULT_HEAD_LIMITS } = await import('../../../src/icap/codec/head.ts');
    await using lab = await startGuarded();
    expect((await ask(lab.port, request)).status).toBeLessThan(300);
    await using tight = await startGuarded({ limits: { head: { ...DEFAULT_HEAD_LIMITS, ...head } } });
    expect(await ask(tight.port, request)).toMatchObject({ status: 400, closes: true });
  });

  test('S-11 more of an unwanted body than drainBytes closes the connection', async () => {
    await using lab = await startGuarded({ limits: { drainBytes: 1000 } });
    const head = (length: number) =>
      `REQMOD icap://h/nope ICAP/1.0\r\nHost: h\r\nEncapsulated: req-body=0\r\n\r\n${length.toString(16)}\r\n${'x'.repeat(length)}\r\n`;
    await using kept = await rawClient(lab.port);
    kept.send(`${head(900)}0\r\n\r\n${OPTIONS}`);
    await kept.until(/404[^]*200 OK/);
    await using cut = await rawClient(lab.port);
    cut.send(`${head(1100)}`);
    expect((await cut.closed()).toString('latin1')).toMatch(/^ICAP\/1\.0 404 /);
  });
});

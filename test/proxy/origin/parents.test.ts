// Which parent carries what: by host, in order, the next when one does not work, and for a time after that.

import { describe, expect, test } from '@jest/globals';
import { targetPolicyOf } from '../../../src/app/ways-out.ts';
import { parseTarget } from '../../../src/config/addresses.ts';
import type { ParentOptions } from '../../../src/proxy/origin/parents.ts';
import { ParentList } from '../../../src/proxy/origin/parents.ts';
import type { ScriptedOrigin } from './engine-support.ts';
import { answering, codeOf, requestTo, scriptedOrigin, startEngine, textOf } from './engine-support.ts';
import { parentAt } from './parent-support.ts';

const TARGET = { host: 'site.test' } as const;

/** A parent that answers every plain request with its name. */
function named(name: string): Promise<ScriptedOrigin> {
  return answering(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`);
}

/** A port where nobody listens. */
async function deadPort(): Promise<number> {
  const origin = await scriptedOrigin(() => {});
  await origin.close();
  return origin.port;
}

const except = (...entries: string[]): ParentOptions['except'] =>
  targetPolicyOf({ deny: entries.map(parseTarget), allow: [] }).deny;

describe('the ways to a host', () => {
  const list = new ParentList(
    [
      parentAt('http://inside:1', { hosts: ['*.corp.test', 'corp.test'], except: except('*.lab.corp.test') }),
      parentAt('http://main:2', { except: except('corp.test', '10.0.0.0/8', '192.0.2.7', '::1') }),
      parentAt('socks5h://spare:3', { hosts: ['*.test'], except: except('*.corp.test') }),
    ],
    () => {},
  );
  test.each([
    ['a.corp.test', ['http://inside:1', 'http://main:2']],
    ['corp.test', ['http://inside:1', 'socks5h://spare:3']],
    ['x.lab.corp.test', ['http://main:2']],
    ['other.test', ['http://main:2', 'socks5h://spare:3']],
    ['example.com', ['http://main:2']],
    ['10.1.2.3', []],
    ['192.0.2.7', []],
    ['192.0.2.8', ['http://main:2']],
    ['::1', []],
  ])('%s: %j', (host, expected) => {
    expect(list.waysTo(host).map(({ label }) => label)).toEqual(expected);
  });

  test('have nothing secret in their names', () => {
    const [way] = new ParentList([parentAt('socks5://me:secret@[2001:db8::1]')], () => {}).waysTo('a');
    expect(way!.label).toBe('socks5://[2001:db8::1]:1080');
  });
});

describe('fail-over', () => {
  test('goes to the next parent when one cannot be reached, and begins there from then on', async () => {
    await using second = await named('second');
    const port = await deadPort();
    const told: string[] = [];
    using engine = await startEngine('native', {
      parents: [parentAt(`http://127.0.0.1:${port}`), parentAt(`http://127.0.0.1:${second.port}`)],
      onParentHealth: ({ label }, failure) => told.push(`${label} ${failure?.code ?? 'fine'}`),
    });
    for (let i = 0; i < 3; i++) expect(await textOf(await engine.send(requestTo(80, TARGET)))).toBe('second');
    expect(told).toEqual([`http://127.0.0.1:${port} ERR_PARENT_UNAVAILABLE`]);
  });

  test('tries a parent that failed when the others fail as well, and says that it works again', async () => {
    const told: string[] = [];
    let isUp = false;
    await using flaky = await scriptedOrigin(async (peer) => {
      if (!isUp) return void peer.socket.resetAndDestroy();
      await peer.take('\r\n\r\n');
      peer.send('HTTP/1.1 200 OK\r\n\r\n');
      await peer.until('\r\n\r\n');
      peer.send('HTTP/1.1 204 No Content\r\n\r\n');
    });
    using engine = await startEngine('native', {
      parents: [parentAt(`http://127.0.0.1:${flaky.port}`), parentAt(`http://127.0.0.1:${await deadPort()}`)],
      onParentHealth: ({ label }, failure) => told.push(`${label.split(':')[2]} ${failure?.code ?? 'fine'}`),
    });
    const request = (): ReturnType<typeof requestTo> => requestTo(8080, { ...TARGET, upgrade: 'a' });
    expect(await codeOf(engine.send(request()))).toBe('ERR_PARENT_UNAVAILABLE');
    isUp = true;
    expect((await engine.send(request())).head.status).toBe(204);
    expect(told[0]).toBe(`${flaky.port} ERR_PARENT_UNAVAILABLE`);
    expect(told.at(-1)).toBe(`${flaky.port} fine`);
  });

  test('asks the next parent when one cannot reach the site, and the first again for the next site', async () => {
    let asked = 0;
    await using first = await scriptedOrigin(async (peer) => {
      asked++;
      await peer.take('\r\n\r\n');
      peer.send('HTTP/1.1 503 No\r\n\r\n');
    });
    await using second = await scriptedOrigin(async (peer) => {
      await peer.take('\r\n\r\n');
      peer.send('HTTP/1.1 200 OK\r\n\r\n');
      await peer.until('\r\n\r\n');
      peer.send('HTTP/1.1 204 No Content\r\n\r\n');
    });
    using engine = await startEngine('native', {
      parents: [parentAt(`http://127.0.0.1:${first.port}`), parentAt(`http://127.0.0.1:${second.port}`)],
    });
    for (let i = 0; i < 2; i++) {
      const { head } = await engine.send(requestTo(8080, { ...TARGET, upgrade: 'a' }));
      expect(head.status).toBe(204);
    }
    expect(asked).toBe(2);
  });

  test.each([
    ['403', 'ERR_PARENT_REFUSED'],
    ['407', 'ERR_PARENT_AUTH'],
  ])('does not take %s for a failure: the next parent is not a way around a rule', async (status, code) => {
    await using first = await answering(`HTTP/1.1 ${status} No\r\n\r\n`);
    await using second = await named('second');
    using engine = await startEngine('native', {
      parents: [parentAt(`http://127.0.0.1:${first.port}`), parentAt(`http://127.0.0.1:${second.port}`)],
    });
    expect(await codeOf(engine.send(requestTo(443, { ...TARGET, secure: true })))).toBe(code);
    expect(second.connections()).toBe(0);
  });

  test('leaves each parent its share of the time', async () => {
    await using silent = await scriptedOrigin(() => {});
    await using second = await named('second');
    using engine = await startEngine('native', {
      parents: [parentAt(`socks5h://127.0.0.1:${silent.port}`), parentAt(`http://127.0.0.1:${second.port}`)],
      connectTimeoutMs: 300,
    });
    expect(await textOf(await engine.send(requestTo(80, TARGET)))).toBe('second');
  });

  test('goes to the origin itself where `direct` stands behind the parents', async () => {
    await using origin = await named('origin');
    using engine = await startEngine('native', {
      parents: [parentAt(`http://127.0.0.1:${await deadPort()}`), parentAt('direct')],
    });
    const response = await engine.send(requestTo(origin.port));
    expect([await textOf(response), response.serverIp]).toEqual(['origin', '127.0.0.1']);
  });

  test('goes from `direct` to a parent when the origin cannot be reached', async () => {
    await using parent = await named('parent');
    using engine = await startEngine('native', {
      parents: [parentAt('direct'), parentAt(`http://127.0.0.1:${parent.port}`)],
    });
    expect(await textOf(await engine.send(requestTo(await deadPort())))).toBe('parent');
  });
});

describe('guards', () => {
  test('never sends anything to itself for a parent', async () => {
    await using self = await named('self');
    using engine = await startEngine('native', {
      parents: [parentAt(`http://127.0.0.1:${self.port}`)],
      isOwnPort: (port) => port === self.port,
    });
    const error = await engine.send(requestTo(80, TARGET)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_PARENT_UNAVAILABLE',
      message: expect.stringContaining('this Weir itself'),
    });
    expect(self.connections()).toBe(0);
  });

  test('asks no parent for an own port or a denied address', async () => {
    await using parent = await named('parent');
    using engine = await startEngine('native', {
      parents: [parentAt(`http://127.0.0.1:${parent.port}`)],
      isOwnPort: (port) => port === 8090,
      isDeniedAddress: (address) => address === '169.254.169.254',
    });
    expect(await codeOf(engine.send(requestTo(8090, { host: '127.0.0.1' })))).toBe('ERR_PROXY_SELF');
    expect(await codeOf(engine.send(requestTo(80, { host: '169.254.169.254' })))).toBe('ERR_PROXY_DENIED');
    expect(parent.connections()).toBe(0);
  });

  test('looks up the name of a parent, and says so when it has no address', async () => {
    using engine = await startEngine('native', { parents: [parentAt('http://no-such-parent.invalid:3128')] });
    const error = await engine.send(requestTo(80, TARGET)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_PARENT_UNAVAILABLE',
      message: expect.stringMatching(
        /no-such-parent\.invalid:3128 cannot be reached: its name cannot be resolved/,
      ),
    });
  });
});

// Groups of users, of a file, of a plugin's log-in and of a program's answer: who is told of them, and what
// rules make of them.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatHash, hashPassword } from '../../../src/auth/password-hash.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { startCIcap, type CIcap } from '../../support/peers/c-icap.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { startTestWeir, type LocalWeir, type WeirSettings } from '../../support/weir.ts';

/** A log-in whose token is `user=group;group`, and a blade that answers `/tell` with what it knows of groups. */
const PLUGIN = `export default { [Symbol.for('weir.plugin')]: 1, name: 'members', version: '1', setup(ctx) {
  ctx.authenticator({ scheme: 'Members', perConnection: false, begin: () => ({ step(token) {
    const [user, groups] = token.split('=');
    if (user === 'broken') return { kind: 'identity', identity: { user, groups: 'staff' } };
    return { kind: 'identity', identity: { user, groups: groups.split('.').map((g) => g.replace('_', ', ')) } };
  } }) });
  ctx.blade({ name: 'teller', inspect({ direction, url, client }) {
    if (direction === 'response' || !url.endsWith('/tell')) return { kind: 'allow' };
    return { kind: 'block', threat: 'groups', severity: 'low', reason: '[' + client.groups.join(' + ') + ']' };
  } });
} };`;

/** In the protocol of Squid's Negotiate helpers, with groups as negotiate_kerberos_auth has them. */
const SID = Buffer.from('010500000000000515000000' + '010000000200000003000000' + '01020000', 'hex');
const HELPER = `require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
  console.log('OK token=eA== user=kim@REALM group=${SID.toString('base64')} group=print%20ers');
});`;

let folder: TempDir;
let plain: OriginServer;
let secure: OriginServer;
let weir: LocalWeir;
let more: Record<string, unknown> = {};

const settings = (): WeirSettings => ({
  plugins: [folder.join('members.mjs')],
  profiles: { telling: { base: 'basic', blades: { teller: { mode: 'inline' } } } },
  gateway: { services: { sandblast: { profile: 'telling' } } },
  proxy: {
    auth: {
      basic: { file: folder.join('users') },
      plugin: 'Members',
      negotiate: { command: [process.execPath, folder.join('helper.cjs')] },
      groups: folder.join('groups'),
    },
    tls: { rules: [{ groups: ['unread'], action: 'splice' }] },
  },
  adaptation: { rules: [{ point: 'reqmod', use: ['sandblast'], when: { not: { groups: ['trusted'] } } }] },
  ...more,
});

beforeAll(async () => {
  folder = await tempDir();
  await folder.write('members.mjs', PLUGIN);
  await folder.write('helper.cjs', HELPER);
  await folder.write('users', `alice:${formatHash(await hashPassword(Buffer.from('pw')))}\n`, 0o600);
  await folder.write('groups', 'staff: alice bob\nprinters: kim@REALM\ntrusted: tom\n');
  plain = await originServer((_request, response) => response.end('origin'));
  secure = await originServer((_request, response) => response.end('origin'), { tls: true });
  weir = await startTestWeir(settings());
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  for (const each of [plain, secure, folder]) await each[Symbol.asyncDispose]();
});

const LOG_IN = {
  basic: ['--proxy-user', 'alice:pw'],
  plugin: (token: string) => ['--proxy-header', `Proxy-Authorization: Members ${token}`],
  program: ['--proxy-header', 'Proxy-Authorization: Negotiate eA=='],
};

/** What the blade of the gateway knows, in-process; null: it was not asked. */
async function told(logIn: readonly string[]): Promise<string | null> {
  const { status, body } = await weir.curl(...logIn, `http://site.test:${plain.port}/tell`);
  return status === 200 ? null : /\[([^\]]*)\]/.exec(String(body))![1]!;
}

describe('a blade is told the groups', () => {
  test.each([
    ['of the file, after a password', LOG_IN.basic, 'staff'],
    [
      'of a plugin’s log-in, with those of the file behind them',
      LOG_IN.plugin('bob=a.staff.b'),
      'a + staff + b',
    ],
    ['whose names have commas', LOG_IN.plugin('eve=CN_DC.b'), 'Local://CN, DC + Local://b'],
    ['that a program names, SIDs as text', LOG_IN.program, 'S-1-5-21-1-2-3-513 + print ers + printers'],
  ])('%s', async (_, logIn, groups) => {
    expect(await told(logIn)).toBe(groups);
  });
});

test('groups decide over rules of adaptation and of TLS', async () => {
  expect(await told(LOG_IN.plugin('ann=trusted'))).toBeNull();
  expect(await told(LOG_IN.plugin('tom=x'))).toBeNull(); // by the file
  expect(await told(LOG_IN.plugin('ann=x'))).toBe('x');
  const action = async (path: string, group: string): Promise<unknown> => {
    await weir.curl(
      '--insecure',
      ...LOG_IN.plugin(`ann=${group}`),
      `https://localhost:${secure.port}${path}`,
    );
    const [record] = await weir.logged(({ tls }) => (tls as { sni?: string } | null)?.sni === 'localhost');
    return (record!['tls'] as { action: string }).action;
  };
  expect(await action('/', 'unread')).toBe('splice');
});

test('a log-in with groups that are none lets nobody in', async () => {
  const answer = await weir.curl(...LOG_IN.plugin('broken='), `http://site.test:${plain.port}/`);
  expect(answer.status).toBe(503);
});

describeWithPeer(['c-icap'], () => {
  let icap: CIcap;
  beforeAll(async () => {
    const log = folder.join('icap.log');
    icap = await startCIcap({
      config: [
        'LogFormat groups "%{X-Authenticated-User}>ih %{X-Authenticated-Groups}>ih"',
        `AccessLog ${log} groups`,
      ],
    });
    const headers = ['X-Authenticated-User', 'X-Authenticated-Groups'];
    more = {
      adaptation: {
        services: { peer: { url: icap.url('echo'), identity: { headers } } },
        rules: [{ point: 'reqmod', use: ['peer'], when: { groups: ['staff'] } }],
      },
    };
    await folder.write('groups', 'staff: alice\nall: alice\n');
    await weir.reload(settings());
  });
  afterAll(async () => icap[Symbol.asyncDispose]());

  test('V-53 an ICAP server is told user and groups as base64, for members of the rule’s group only', async () => {
    for (const logIn of [LOG_IN.plugin('carl=x'), LOG_IN.basic]) {
      expect((await weir.curl(...logIn, `http://site.test:${plain.port}/`)).status).toBe(200);
    }
    await icap.accessLog(/REQMOD/);
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const lines = (await readFile(folder.join('icap.log'), 'utf8'))
      .trim()
      .split('\n')
      .filter((line) => line.includes('='));
    expect(lines).toEqual([`${base64('Local://alice')} ${base64('Local://staff\nLocal://all')}`]);
  });
});

test('a user who is taken out of a group is so after a reload, and a bad file changes nothing', async () => {
  more = {};
  await folder.write('groups', 'guests: alice\n');
  await weir.reload(settings());
  expect(await told(LOG_IN.basic)).toBe('guests');
  await folder.write('groups', 'no group\n');
  await expect(weir.reload(settings())).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' });
  expect(await told(LOG_IN.basic)).toBe('guests');
});

// The configuration on the dashboard: what it would do with a request, how it is checked, and how it is changed.

import { chmod, readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';
import { ApiClient } from './api-client.ts';

let weir: LocalWeir;
let api: ApiClient;
let file: string;

beforeAll(async () => {
  weir = await startTestWeir({
    proxy: {
      tls: {
        rules: [
          { hosts: ['*.bank.test', 'bank.test'], action: 'splice' },
          { hosts: ['closed.test'], action: 'terminate' },
        ],
      },
      targets: { deny: ['denied.test'], allow: ['127.0.0.0/8', '::1'] },
    },
    adaptation: {
      rules: [
        { point: 'respmod', use: ['sandblast'], when: { not: { types: ['image/*'] } } },
        { point: 'reqmod', use: ['sandblast'], when: { methods: ['POST', 'PUT'] } },
      ],
    },
  });
  api = new ApiClient(weir);
  file = weir.folder.join('weir.yaml');
  weir.weir.dashboard!.attachPolicy({
    file,
    reload: async () => weir.weir.reload((await loadConfig({ path: file })).config),
  });
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

test('without a file there is nothing to write, and a text can be checked nevertheless', async () => {
  const { attachPolicy } = weir.weir.dashboard!;
  attachPolicy({ file: null, reload: () => Promise.reject(new Error('never called')) });
  const { json } = await api.ask('/api/policy');
  expect(json).toMatchObject({ file: null, writable: false, yaml: '' });
  const put = { method: 'PUT', body: { yaml: '', digest: json.digest } };
  expect(await api.ask('/api/policy', put)).toMatchObject({ status: 409 });
  const check = { method: 'POST', body: { yaml: 'proxy: {}' } };
  expect((await api.ask('/api/policy/check', check)).json.ok).toBe(true);
  attachPolicy({ file, reload: async () => weir.weir.reload((await loadConfig({ path: file })).config) });
});

describe('/api/policy/test', () => {
  const verdictOn = async (body: object) =>
    (await api.ask('/api/policy/test', { method: 'POST', body })).json;

  test.each([
    [{ url: 'https://www.bank.test/' }, 'passed-uninspected', 'splice'],
    [{ url: 'https://closed.test/' }, 'refused', 'terminate'],
    [{ url: 'https://denied.test/' }, 'refused', 'bump'],
    [{ url: 'https://example.com/' }, 'inspected', 'bump'],
    [{ url: 'https://example.com/a.png', type: 'image/png' }, 'passed-uninspected', 'bump'],
    [{ url: 'https://example.com/', method: 'POST', type: 'image/png' }, 'inspected', 'bump'],
  ])('%j would be %s', async (body, outcome, action) => {
    expect(await verdictOn(body)).toMatchObject({ outcome, tls: { action } });
  });

  test('says what depends on a type that is not given, and which profile looks', async () => {
    const found = await verdictOn({ url: 'http://example.com/' });
    expect(found.tls).toBeNull();
    expect(found.steps).toMatchObject([
      { point: 'reqmod', skipped: 'methods', rule: 'adaptation.rules[1]' },
      { point: 'respmod', skipped: null, use: 'sandblast' },
    ]);
    expect(found.profiles).toMatchObject([
      { service: 'sandblast', blades: expect.arrayContaining(['antivirus']) },
    ]);
    expect(found.story.length).toBeGreaterThan(1);
  });

  test.each([[{}], [{ url: 'x' }], [{ url: 'ftp://a/' }], [{ url: 'http://a/', method: 1 }]])(
    '%j is refused',
    async (body) => {
      expect((await api.ask('/api/policy/test', { method: 'POST', body })).status).toBe(400);
    },
  );
});

describe('/api/policy', () => {
  test('tells the text, its digest, and the rules as they are written', async () => {
    const { json } = await api.ask('/api/policy');
    expect(json).toMatchObject({ file, writable: true, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(json.yaml).toBe(await readFile(file, 'utf8'));
    expect(json.tlsRules[0]).toMatchObject({
      path: 'proxy.tls.rules[0]',
      action: 'splice',
      match: { hosts: ['*.bank.test', 'bank.test'] },
    });
    expect(json.adaptationRules[1]).toMatchObject({ point: 'reqmod', when: { methods: ['POST', 'PUT'] } });
    expect(json.profiles.find(({ name }: { name: string }) => name === 'optimized')).toMatchObject({
      written: false,
      usedBy: ['/sandblast'],
    });
  });

  test('checks a text: problems with place, what was found and what is allowed', async () => {
    const check = async (yaml: string) =>
      (await api.ask('/api/policy/check', { method: 'POST', body: { yaml } })).json;
    expect(await check('proxy:\n  listne: 127.0.0.1:1\n')).toMatchObject({
      ok: false,
      problems: [{ path: 'proxy.listne', line: 2, suggestion: 'listen', code: 'ERR_CONFIG_UNKNOWN_KEY' }],
    });
    expect((await check('a: [')).problems[0].code).toBe('ERR_CONFIG_SYNTAX');
    expect(await check('')).toMatchObject({ ok: true, problems: [] });
  });

  test('is written whole, with its comments and mode, and in force at once; and only what was seen is replaced', async () => {
    const before = await readFile(file, 'utf8');
    await chmod(file, 0o600);
    const { digest } = (await api.ask('/api/policy')).json;
    const yaml = `# ours\n${before.replace('"closed.test"', '"shut.test"')}`;
    const put = (body: object) => api.ask('/api/policy', { method: 'PUT', body });
    const done = await put({ yaml, digest });
    expect(done).toMatchObject({
      status: 200,
      json: { applied: expect.arrayContaining(['proxy.tls.rules']) },
    });
    expect(await readFile(file, 'utf8')).toBe(yaml);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const now = await api.ask('/api/policy/test', { method: 'POST', body: { url: 'https://shut.test/' } });
    expect(now.json.outcome).toBe('refused');
    const late = await put({ yaml: before, digest });
    expect(late).toMatchObject({ status: 409, json: { digest: done.json.digest } });
    const wrong = await put({ yaml: 'proxy: 1', digest: done.json.digest });
    expect(wrong).toMatchObject({ status: 422, json: { problems: [{ path: 'proxy', line: 1 }] } });
    expect(await readFile(file, 'utf8')).toBe(yaml);
  });

  test('that cannot be put in force leaves the file as it was', async () => {
    const before = await readFile(file, 'utf8');
    const { digest } = (await api.ask('/api/policy')).json;
    const yaml = before
      .replace('"*.bank.test"', '"*.bank.test"')
      .replace('"proxy": {', '"proxy": { "ca": { "passphraseFile": "/nowhere/at/all" },');
    const { status, json } = await api.ask('/api/policy', { method: 'PUT', body: { yaml, digest } });
    expect(status).toBe(422);
    expect(json.code).toMatch(/^ERR_/);
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  describe('a draft', () => {
    const YAML = [
      '# head',
      'proxy:',
      '  tls:',
      '    rules:',
      '      # the bank wants it',
      '      - { hosts: [bank.test], action: splice } # since May',
      '      - hosts: [shut.test]',
      '        sni: present',
      '        action: terminate',
      'profiles:',
      '  office:',
      '    onError: block # never let go',
      '    blades:',
      '      antivirus: { enabled: true }',
      '',
    ].join('\n');
    const ask = (change: object, yaml = YAML) =>
      api.ask('/api/policy/draft', { method: 'POST', body: { yaml, change } });

    test.each([
      [
        'adds a rule',
        { list: 'tls', do: 'add', at: 2, value: { hosts: ['new.test'], sni: null, action: 'bump' } },
        /action: terminate\n +- hosts:\n +- new\.test\n +action: bump\n/,
      ],
      [
        'changes a rule, and keeps what is beside it',
        { list: 'tls', do: 'replace', at: 0, value: { hosts: ['bank.test'], action: 'terminate' } },
        /# the bank wants it\n +- \{ hosts: \[ ?bank\.test ?\], action: terminate \} # since May/,
      ],
      [
        'takes a condition away',
        { list: 'tls', do: 'replace', at: 1, value: { sni: null } },
        /shut\.test ?\]\n +action: terminate/,
      ],
      ['moves a rule', { list: 'tls', do: 'move', at: 1, to: 0 }, /rules:[^]*shut\.test[^]*bank\.test/],
      [
        'removes a rule',
        { list: 'tls', do: 'remove', at: 1 },
        /^# head\n(?![^]*shut\.test)[^]*# since May\nprofiles/,
      ],
      [
        'puts a rule behind those that hold by default',
        { list: 'adaptation', do: 'add', at: 2, value: { point: 'reqmod', use: ['sandblast'], when: {} } },
        /adaptation:\n +rules:[^]*point: reqmod[^]*point: respmod[^]*point: reqmod\n +use:\n +- sandblast\n$/,
      ],
      [
        'sets a profile',
        {
          profile: 'office',
          do: 'set',
          value: { onError: 'allow', blades: { 'threat-emulation': { enabled: false } } },
        },
        /onError: allow # never let go\n +blades:\n +antivirus: \{ enabled: true \}\n +threat-emulation:\n +enabled: false/,
      ],
      ['removes a profile', { profile: 'office', do: 'remove' }, /^(?![^]*office)[^]*shut\.test/],
    ])('%s, with comments kept and nothing written', async (_, change, expected) => {
      const before = await readFile(file, 'utf8');
      const { status, json } = await ask(change);
      expect({ status, ok: json.ok, problems: json.problems }).toEqual({
        status: 200,
        ok: true,
        problems: [],
      });
      expect(json.yaml).toMatch(expected);
      expect(json.yaml).toContain('# head');
      expect(await readFile(file, 'utf8')).toBe(before);
    });

    test.each([
      ['gateway.services.scan.profile', 'gateway:\n  services:\n    scan: { profile: office }\n'],
      [
        'gateway.services.scan.rules[0].profile',
        'gateway:\n  services:\n    scan: { rules: [{ clients: [10.0.0.0/8], profile: office }] }\n',
      ],
      ['profiles.branch.base', '  branch: { base: office }\n'],
    ])('does not remove a profile that %s names, and says so', async (key, more) => {
      const { status, json } = await ask({ profile: 'office', do: 'remove' }, `${YAML}${more}`);
      expect({ status, error: json.error }).toEqual({
        status: 422,
        error: `profile office is in use: give ${key} another one first`,
      });
    });

    test('takes back what the file says of a built-in profile, in use or not', async () => {
      const yaml =
        'profiles:\n  strict: { onError: allow }\ngateway: { services: { scan: { profile: strict } } }\n';
      const { json } = await ask({ profile: 'strict', do: 'remove' }, yaml);
      expect({ ok: json.ok, yaml: json.yaml }).toEqual({
        ok: true,
        yaml: expect.stringMatching(/^gateway: \{[^\n]+profile: strict[^\n]+\n$/),
      });
    });

    test('tells what is wrong with the change it was asked for', async () => {
      const wrong = await ask({
        list: 'tls',
        do: 'add',
        at: 0,
        value: { hosts: ['a.test'], action: 'melt' },
      });
      expect(wrong.json).toMatchObject({ ok: false, problems: [{ path: 'proxy.tls.rules[0].action' }] });
    });

    test.each([
      [400, undefined, YAML],
      [400, { list: 'tls', do: 'burn', at: 0 }, YAML],
      [400, { list: 'tls', do: 'add', at: 0, value: 'x' }, YAML],
      [400, { profile: '../x', do: 'remove' }, YAML],
      [422, { list: 'tls', do: 'remove', at: 2 }, YAML],
      [422, { list: 'tls', do: 'move', at: 0, to: -1 }, YAML],
      [422, { list: 'tls', do: 'remove', at: 0.5 }, YAML],
      [422, { profile: 'nobody', do: 'remove' }, YAML],
      [422, { profile: 'strict', do: 'remove' }, YAML],
      [422, { list: 'tls', do: 'add', at: 0, value: {} }, 'proxy: 1'],
      [422, { list: 'tls', do: 'add', at: 0, value: {} }, 'a: ['],
    ])('is refused with %i for %j', async (status, change, yaml) => {
      const { status: answered, json } = await ask(change as object, yaml);
      expect({ answered, error: typeof json.error }).toEqual({ answered: status, error: 'string' });
    });
  });
});

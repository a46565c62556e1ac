// proxy.tls: what may be written, and what it means.

import { describe, expect, test } from '@jest/globals';
import { ConfigProblemsError, formatProblems, loadConfig } from '../../src/config/load.ts';
import type { TlsConfig } from '../../src/config/types.ts';
import { tempDir } from '../support/tempDir.ts';

/** The resolved section, or the lines of what is wrong with it. */
async function read(tls: unknown): Promise<TlsConfig | string[]> {
  await using folder = await tempDir();
  const path = await folder.write('weir.yaml', JSON.stringify({ proxy: { tls } }));
  try {
    const { tls: resolved } = (await loadConfig({ path })).config.proxy;
    const relative = (file: string): string => file.replace(folder.path, '.');
    const rules = resolved.rules.map((rule) =>
      rule.lists === undefined ? rule : { ...rule, lists: rule.lists.map(relative) },
    );
    return { ...resolved, rules };
  } catch (error) {
    if (!(error instanceof ConfigProblemsError)) throw error;
    return formatProblems(error.problems, null).map((line) => line.replace(/^.*?proxy\.tls/, 'proxy.tls'));
  }
}

test('nothing written means: all is intercepted, HTTP inspected, pinned hosts healed', async () => {
  expect(await read({})).toEqual({
    rules: [],
    nonTls: 'http',
    selfHealing: { after: 3, withinMs: 600_000, forMs: 86_400_000 },
    strict: false,
  });
});

test('a rule of hosts alone stays what it was', async () => {
  expect(await read({ rules: [{ hosts: ['*.bank.example'], action: 'splice' }] })).toMatchObject({
    rules: [{ hosts: ['*.bank.example'], action: 'splice' }],
  });
});

test('all conditions are read, paths from the folder of the file', async () => {
  const rule = {
    hosts: ['B\u00fccher.example'],
    lists: ['lists/banks.txt'],
    ips: ['10.0.0.0/8'],
    ports: [443, '8000-8999'],
    clients: ['192.0.2.7', 'fd00::/8'],
    users: ['ann', '*'],
    sni: 'present',
    action: 'terminate',
  };
  const network = (address: string, prefix: number, family: string): object => ({
    kind: 'network',
    address,
    prefix,
    family,
  });
  expect(await read({ rules: [rule] })).toMatchObject({
    rules: [
      {
        ...rule,
        hosts: ['xn--bcher-kva.example'],
        lists: ['./lists/banks.txt'],
        ips: [network('10.0.0.0', 8, 'ipv4')],
        ports: [
          { first: 443, last: 443 },
          { first: 8000, last: 8999 },
        ],
        clients: [network('192.0.2.7', 32, 'ipv4'), network('fd00::', 8, 'ipv6')],
      },
    ],
  });
});

describe('is refused', () => {
  test.each<[what: string, tls: unknown, problem: string]>([
    [
      'a rule without a condition',
      { rules: [{ action: 'splice' }] },
      'rules[0]: says of nothing when it holds: give it hosts: ["*"] if it is for all',
    ],
    [
      'a rule without an action',
      { rules: [{ users: ['*'] }] },
      'rules[0].action: is missing: expected one of bump, splice, terminate',
    ],
    [
      'an empty condition',
      { rules: [{ clients: [], action: 'bump' }] },
      'rules[0].clients: expected at least one, got an empty list',
    ],
    [
      'port 0',
      { rules: [{ ports: [0], action: 'bump' }] },
      'rules[0].ports[0]: expected a port such as 443, or ports such as 8000-8999, got 0',
    ],
    [
      'ports that fall',
      { rules: [{ ports: ['9-1'], action: 'bump' }] },
      'rules[0].ports[0]: expected a port such as 443, or ports such as 8000-8999, got "9-1"',
    ],
    [
      'a port too large',
      { rules: [{ ports: ['1-65536'], action: 'bump' }] },
      'rules[0].ports[0]: expected a port',
    ],
    [
      'a name as address',
      { rules: [{ ips: ['a.example'], action: 'bump' }] },
      'rules[0].ips[0]: expected an IP address or network',
    ],
    [
      'another word for sni',
      { rules: [{ sni: 'none', action: 'bump' }] },
      'rules[0].sni: expected one of present, absent, got "none"',
    ],
    [
      'another word for nonTls',
      { nonTls: 'splice' },
      'nonTls: expected one of http, tunnel, terminate, got "splice"',
    ],
    [
      'no rejection at all',
      { selfHealing: { after: 0 } },
      'selfHealing.after: expected a whole number 1..100, got 0',
    ],
    [
      'a condition misspelt',
      { rules: [{ host: ['a'], hosts: ['a'], action: 'bump' }] },
      'rules[0].host: unknown key; did you mean hosts?',
    ],
  ])('%s', async (_, tls, problem) => {
    expect(await read(tls)).toEqual([expect.stringContaining(`proxy.tls.${problem}`)]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { configReference, knownKeys, onlyPlaceOf } from '../../src/config/reference.ts';
import { configSchema } from '../../src/config/schema.ts';

const reference = configReference();
const entry = (path: string) => reference.find((candidate) => candidate.path === path);

describe('configReference', () => {
  test('has a type and a description for every key', () => {
    expect(reference.length).toBeGreaterThan(80);
    for (const { path, type, description } of reference) {
      expect({ path, type }).toEqual({ path, type: expect.stringMatching(/./) });
      expect({ path, description }).toEqual({ path, description: expect.stringMatching(/^.{4,}\.$/) });
    }
  });

  test('names each path once', () => {
    expect(new Set(reference.map(({ path }) => path)).size).toBe(reference.length);
  });

  test('gives types and defaults as one would write them', () => {
    expect(entry('adaptation.services.*.preview')).toMatchObject({
      type: '0..64KiB | false | null',
      default: 'null',
    });
    expect(entry('proxy.limits.headTimeout')).toMatchObject({ type: '1ms..24h', default: '30s' });
    expect(entry('gateway.allow')).toMatchObject({
      type: 'list of network',
      default: '[127.0.0.0/8, "::1"]',
    });
    expect(entry('adaptation.services.*.url')).toMatchObject({ type: 'ICAP URL', default: '' });
    expect(entry('proxy.tls.rules[].action')).toMatchObject({ type: 'bump | splice | terminate' });
    expect(entry('proxy.upstream')).toMatchObject({ type: 'section', default: '' });
  });

  test('the defaults, written into a file, change nothing', () => {
    const tree: Record<string, unknown> = {};
    const nulls = reference.filter(({ type, default: preset }) => type === 'section' && preset === 'null');
    for (const { path, default: preset } of reference) {
      const isBelowNull = nulls.some((section) => path.startsWith(`${section.path}.`));
      if (preset === '' || /[*[]/.test(path) || isBelowNull) continue;
      const keys = path.split('.');
      const last = keys.pop() ?? '';
      let at = tree;
      for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>;
      at[last] = parse(preset) as unknown;
    }
    expect(Object.keys(tree)).toContain('shutdown');
    expect(configSchema.parse(tree)).toEqual(configSchema.parse({}));
  });
});

describe('knownKeys', () => {
  test('lists the keys of sections, below maps and lists too', () => {
    expect(knownKeys([])).toContain('proxy');
    expect(knownKeys(['proxy', 'tls'])).toEqual(['rules', 'nonTls', 'selfHealing', 'strict']);
    expect(knownKeys(['adaptation', 'services', 'any'])).toContain('preview');
    expect(knownKeys(['proxy', 'tls', 'rules', 3])).toEqual([
      'hosts',
      'lists',
      'ips',
      'ports',
      'clients',
      'users',
      'groups',
      'sni',
      'action',
    ]);
  });

  test('is null where there are no fixed keys', () => {
    expect(knownKeys(['adaptation', 'services'])).toBeNull();
    expect(knownKeys(['nowhere'])).toBeNull();
    expect(knownKeys(['log', 'level'])).toBeNull();
  });
});

test('onlyPlaceOf finds a key that exists in one section only', () => {
  expect(onlyPlaceOf('trust')).toBe('proxy.upstream.trust');
  expect(onlyPlaceOf('listen')).toBeNull();
  expect(onlyPlaceOf('nothing')).toBeNull();
});

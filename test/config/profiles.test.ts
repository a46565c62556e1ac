import { describe, expect, test } from '@jest/globals';
import { resolveProfiles } from '../../src/config/profiles.ts';
import { configSchema } from '../../src/config/schema.ts';

const profilesOf = (profiles: unknown) => resolveProfiles(configSchema.parse({ profiles }).profiles);

describe('resolveProfiles', () => {
  test('has three built-in profiles that wait for the antivirus and emulate in the background', () => {
    const profiles = profilesOf({});
    expect(Object.keys(profiles)).toEqual(['basic', 'optimized', 'strict']);
    for (const profile of Object.values(profiles)) {
      expect(profile).toMatchObject({
        base: null,
        onError: 'block',
        blades: {
          antivirus: { enabled: true, mode: 'inline' },
          'threat-emulation': { enabled: true, mode: 'background' },
        },
      });
    }
    expect(profiles['basic']?.blades['antivirus']?.timeoutMs).toBe(10_000);
    expect(profiles['strict']?.blades['antivirus']?.timeoutMs).toBe(60_000);
  });

  test('takes from the base what is not given, optimized by default', () => {
    const profiles = profilesOf({
      a: { base: 'strict', blades: { antivirus: { timeout: '5s' } } },
      b: { base: 'a', onError: 'allow', blades: { antivirus: { enabled: false } } },
      c: {},
    });
    expect(profiles['a']?.blades['antivirus']).toEqual({ enabled: true, mode: 'inline', timeoutMs: 5000 });
    expect(profiles['b']).toMatchObject({ name: 'b', base: 'a', onError: 'allow' });
    expect(profiles['b']?.blades['antivirus']).toEqual({ enabled: false, mode: 'inline', timeoutMs: 5000 });
    expect(profiles['b']?.blades['threat-emulation']).toEqual(profiles['strict']?.blades['threat-emulation']);
    expect(profiles['c']).toEqual({ ...profiles['optimized'], name: 'c', base: 'optimized' });
  });

  test('enables a blade that only a plugin knows, inline and for 30 s', () => {
    const profiles = profilesOf({ mine: { blades: { dlp: {} } } });
    expect(profiles['mine']?.blades['dlp']).toEqual({ enabled: true, mode: 'inline', timeoutMs: 30_000 });
  });

  test('G-20 refines a built-in profile under its own name, and those who build on it follow', () => {
    const profiles = profilesOf({
      strict: { blades: { antivirus: { mode: 'hold' } } },
      x: { base: 'strict' },
    });
    expect(profiles['strict']?.blades['antivirus']).toEqual({
      enabled: true,
      mode: 'hold',
      timeoutMs: 60_000,
    });
    expect(profiles['x']?.blades['antivirus']?.mode).toBe('hold');
  });

  test('takes limits from the base, and null lifts one', () => {
    const profiles = profilesOf({
      a: { base: 'strict', timeout: '1m', maxSize: '10MB', depth: 4, cache: false, quarantine: 'all' },
      b: { base: 'a', maxSize: null, timeout: null },
    });
    const limits = { depth: 4, cache: false, quarantine: 'all' };
    expect(profiles['a']).toMatchObject({ ...limits, timeoutMs: 60_000, maxSize: 10_000_000 });
    expect(profiles['b']).toMatchObject({ ...limits, timeoutMs: null, maxSize: null });
  });

  test('lets no change reach the built-in profiles of a later call', () => {
    profilesOf({ basic: { blades: { antivirus: { enabled: false } } } });
    expect(profilesOf({})['basic']?.blades['antivirus']?.enabled).toBe(true);
  });

  test('has no entry that was not configured', () => {
    const profiles = profilesOf({});
    expect(profiles['constructor']).toBeUndefined();
    expect(profiles['basic']?.blades['toString']).toBeUndefined();
  });
});

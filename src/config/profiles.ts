// The built-in scanning profiles, and how a user's profile inherits from its base. What a blade does
// with its mode is the gateway's; that bases exist and form no circle, check.ts has seen to.

import type { CheckedConfig } from './schema.ts';
import type { BladeSettings, ResolvedProfile } from './types.ts';

/** The profile that services scan with, and profiles build on, unless they say otherwise. */
export const DEFAULT_PROFILE = 'optimized';

const DEFAULT_BLADE: BladeSettings = { enabled: true, mode: 'inline', timeoutMs: 30_000 };

type UserProfiles = CheckedConfig['profiles'];

/** The built-in profiles: the same blades, with more time for a verdict from one to the next. */
export const BUILT_IN_PROFILES: ReadonlyMap<string, ResolvedProfile> = new Map([
  ['basic', builtIn('basic', 10_000, 60_000)],
  ['optimized', builtIn('optimized', 30_000, 120_000)],
  ['strict', builtIn('strict', 60_000, 300_000)],
]);

/**
 * The profile that another one builds on. One with the name of a built-in profile refines that one,
 * unless it names another.
 * @param base what its `base` key says
 * @returns `name` itself when it is the built-in profile of that name that it builds on
 */
export function baseOf(name: string, base: string | undefined): string {
  return base ?? (BUILT_IN_PROFILES.has(name) ? name : DEFAULT_PROFILE);
}

/** All profiles by name, the built-in ones included, bases applied; the map has no prototype. */
export function resolveProfiles(given: UserProfiles): Record<string, ResolvedProfile> {
  const profiles = Object.create(null) as Record<string, ResolvedProfile>;
  for (const name of [...BUILT_IN_PROFILES.keys(), ...Object.keys(given)])
    profiles[name] = resolve(name, given);
  return profiles;
}

function resolve(name: string, given: UserProfiles): ResolvedProfile {
  const chain: string[] = []; // this profile, its base, the base of that …; all of them the user's
  let at = name;
  while (Object.hasOwn(given, at)) {
    chain.push(at);
    const next = baseOf(at, given[at]?.base);
    if (next === at) break;
    at = next;
  }
  const profile = structuredClone(BUILT_IN_PROFILES.get(at) ?? builtIn(at, 30_000, 120_000));
  for (const link of chain.reverse()) {
    const changes = given[link];
    profile.onError = changes?.onError ?? profile.onError;
    if (changes?.timeout !== undefined) profile.timeoutMs = changes.timeout;
    if (changes?.maxSize !== undefined) profile.maxSize = changes.maxSize;
    if (changes?.depth !== undefined) profile.depth = changes.depth;
    profile.cache = changes?.cache ?? profile.cache;
    profile.quarantine = changes?.quarantine ?? profile.quarantine;
    profile.action = changes?.action ?? profile.action;
    profile.rememberMs = changes?.remember ?? profile.rememberMs;
    for (const [blade, settings] of Object.entries(changes?.blades ?? {})) {
      const before = Object.hasOwn(profile.blades, blade) ? profile.blades[blade] : undefined;
      const { enabled, mode, timeoutMs } = before ?? DEFAULT_BLADE;
      const action = settings.action ?? before?.action;
      const rememberMs = settings.remember ?? before?.rememberMs;
      profile.blades[blade] = {
        enabled: settings.enabled ?? enabled,
        mode: settings.mode ?? mode,
        timeoutMs: settings.timeout ?? timeoutMs,
        ...(action === undefined ? {} : { action }),
        ...(rememberMs === undefined ? {} : { rememberMs }),
      };
    }
  }
  const blades = Object.assign(Object.create(null), profile.blades) as typeof profile.blades;
  return {
    ...profile,
    name,
    base: Object.hasOwn(given, name) ? baseOf(name, given[name]?.base) : null,
    blades,
  };
}

function builtIn(name: string, inlineMs: number, backgroundMs: number): ResolvedProfile {
  return {
    name,
    base: null,
    onError: 'block',
    timeoutMs: null,
    maxSize: null,
    depth: null,
    cache: true,
    quarantine: 'content',
    action: 'prevent',
    rememberMs: 3_600_000,
    blades: {
      antivirus: { enabled: true, mode: 'inline', timeoutMs: inlineMs },
      'threat-emulation': { enabled: true, mode: 'background', timeoutMs: backgroundMs },
    },
  };
}

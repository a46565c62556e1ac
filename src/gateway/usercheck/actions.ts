// What a profile lets a user do about a block of one of its blades.

import type { InspectionProfile } from '../inspection.ts';
import type { BlockVerdict } from '../../plugin/api.ts';

/** `prevent`: nothing; `ask`: continue with a reason; `inform`: continue with a click. */
export type BlockAction = 'prevent' | 'ask' | 'inform';

export interface BlockRule {
  readonly action: BlockAction;
  /** How long the user may have it then. */
  readonly rememberMs: number;
}

const HOUR_MS = 3_600_000;

/** The blade's own rule, else the profile's; default: prevent. */
export function blockRule(profile: InspectionProfile, blade: string): BlockRule {
  const own = profile.blades[blade];
  return {
    action: own?.action ?? profile.action ?? 'prevent',
    rememberMs: own?.rememberMs ?? profile.rememberMs ?? HOUR_MS,
  };
}

/** Whether some block of the profile may be passed. */
export function hasWayOn(profile: InspectionProfile): boolean {
  const { action = 'prevent', blades } = profile;
  return action !== 'prevent' || Object.values(blades).some((it) => (it.action ?? 'prevent') !== 'prevent');
}

/** Severe findings are not a user's to decide, unless the operator says so. */
export function isOpen(rule: BlockRule, found: BlockVerdict, critical: boolean): boolean {
  return rule.action !== 'prevent' && (critical || found.severity !== 'critical');
}

// Runs the blades that a profile enables over one message and joins their verdicts: the first block
// decides, modifications of different parts go together, an error is what the profile's onError says. Blades of mode
// background are not among them: background/ asks those afterwards. G-04, G-06 … G-08, G-19.

import { PluginError, isWeirError, messageOf } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { Blade, BladeMessage, BlockVerdict, ModifyVerdict, Verdict } from '../plugin/api.ts';
import { limitedBy } from '../plugin/time-limits.ts';
import { joinedChanges } from './joined-changes.ts';

export type BladeMode = 'inline' | 'background' | 'hold';

/** What a resolved profile of the configuration says; what is absent is as in the built-in ones. */
export interface InspectionProfile {
  readonly name: string;
  readonly onError: 'block' | 'allow';
  /** For all blades that a message waits for together. Default: no limit but that of each. */
  readonly timeoutMs?: number | null;
  /** Bytes of the largest body that is inspected. Default: any. */
  readonly maxSize?: number | null;
  /** Levels of archives that blades unpack. Default: as they have it. */
  readonly depth?: number | null;
  /** Verdicts on content are remembered. Default true. */
  readonly cache?: boolean;
  /** Blocked bodies that are kept. Default none. */
  readonly quarantine?: 'off' | 'content' | 'all';
  /** What a user may do about a block. Default: prevent, which is nothing. */
  readonly action?: 'prevent' | 'ask' | 'inform';
  /** How long a user may have what was blocked. Default one hour. */
  readonly rememberMs?: number;
  /** By blade name. Default mode: inline; `action` and `rememberMs` as the profile. */
  readonly blades: Readonly<Record<string, ProfileBlade>>;
}

export interface ProfileBlade {
  readonly enabled: boolean;
  readonly mode?: BladeMode;
  readonly timeoutMs: number;
  readonly action?: 'prevent' | 'ask' | 'inform';
  readonly rememberMs?: number;
}

export interface BladeTrace {
  readonly name: string;
  /** `allow`, `block`, `modify`, `error`, `background`, `released`, `continued` or `not-scanned: <reason>`. */
  readonly verdict: string;
  readonly ms: number;
  /** The verdict was known; the blade was not asked. */
  readonly cached?: true;
}

export interface InspectionResult {
  readonly blocked: (BlockVerdict & { readonly blade: string; readonly cached: boolean }) | null;
  readonly modified: ModifyVerdict | null;
  readonly trace: readonly BladeTrace[];
}

export interface Asked {
  readonly verdict: Verdict;
  /** The blade was not asked for this message. */
  readonly cached: boolean;
}

/**
 * Stands between a message and a blade: asks it, or knows its verdict. `released`: it does not count;
 * `continued`: it would block, and the user may have it nonetheless.
 */
export type Judge = (blade: Blade, ask: () => Promise<Verdict>) => Promise<Asked | 'released' | 'continued'>;

/** Asks the blade, whatever is known. */
export const ASK: Judge = async (_, ask) => ({ verdict: await ask(), cached: false });

/** Blades of `all` that the profile enables. */
export function enabledBlades(all: readonly Blade[], profile: InspectionProfile): readonly Blade[] {
  return all.filter((blade) => profile.blades[blade.name]?.enabled === true);
}

/** Of those, the ones that a message waits for: those of mode hold last, as they take longest. */
export function awaitedBlades(enabled: readonly Blade[], profile: InspectionProfile): readonly Blade[] {
  const ofMode = (mode: BladeMode): Blade[] => enabled.filter((blade) => modeOf(blade, profile) === mode);
  return [...ofMode('inline'), ...ofMode('hold')];
}

/** Of those, the ones that judge after the message has passed. */
export function backgroundBlades(enabled: readonly Blade[], profile: InspectionProfile): readonly Blade[] {
  return enabled.filter((blade) => modeOf(blade, profile) === 'background');
}

function modeOf(blade: Blade, profile: InspectionProfile): BladeMode {
  return profile.blades[blade.name]?.mode ?? 'inline';
}

/**
 * Asks one blade after the other.
 * @param judge  default: every blade is asked
 * @throws {PluginError} of a blade that failed, when the profile blocks on errors
 */
export async function inspect(
  blades: readonly Blade[],
  profile: InspectionProfile,
  message: BladeMessage,
  signal: AbortSignal,
  judge: Judge = ASK,
): Promise<InspectionResult> {
  const trace: BladeTrace[] = [];
  let modified: ModifyVerdict | null = null;
  const allUntil = performance.now() + (profile.timeoutMs ?? Infinity);
  for (const blade of blades) {
    const startedAt = performance.now();
    const note = (verdict: string, cached = false): void => {
      const ms = performance.now() - startedAt;
      trace.push({ name: blade.name, verdict, ms, ...(cached ? { cached } : {}) });
    };
    try {
      const limitMs = Math.min(profile.blades[blade.name]!.timeoutMs, allUntil - startedAt);
      const asked = await judge(blade, () => askInTime(blade, message, signal, limitMs));
      if (asked === 'released' || asked === 'continued') {
        note(asked);
        continue;
      }
      const { verdict, cached } = asked;
      if (verdict.kind === 'block') {
        note('block', cached);
        return { blocked: { ...verdict, blade: blade.name, cached }, modified: null, trace };
      }
      if (verdict.kind === 'modify')
        modified =
          modified === null ? verdict : joinedChanges(modified, verdict, headersOf(message), blade.name);
      note(traceOf(verdict), cached);
    } catch (error) {
      note('error');
      if (signal.aborted || profile.onError === 'block')
        throw Object.assign(bladeError(blade, error), { trace });
    }
  }
  return { blocked: null, modified, trace };
}

function headersOf({ direction, request, response }: BladeMessage): RawHeaders {
  return (direction === 'request' ? request : response)?.headers ?? [];
}

/**
 * One blade's verdict; a blade that does not answer in time has failed, whether it heeds its signal or not.
 * @throws {PluginError} `ERR_SCAN_TIMEOUT`; and whatever the blade throws
 */
export async function askInTime(
  blade: Blade,
  message: BladeMessage,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Verdict> {
  const limit = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  let onAbort: () => void = () => {};
  const cut = new Promise<never>((_, reject) => {
    // Not `AbortSignal.any`: a signal that outlives many questions, as that of the background queue does,
    // would keep an entry for each of them.
    onAbort = () => {
      limit.abort(signal.reason);
      reject(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    timer = setTimeout(
      () => {
        const text = `${blade.name} took longer than ${Math.max(0, Math.round(timeoutMs))} ms`;
        const overdue = new PluginError('ERR_SCAN_TIMEOUT', text, { blade: blade.name });
        limit.abort(overdue);
        reject(overdue);
      },
      Math.max(0, timeoutMs),
    );
    limitedBy(limit.signal, timer);
  });
  try {
    return await Promise.race([blade.inspect(message, limit.signal), cut]);
  } finally {
    clearTimeout(timer!);
    signal.removeEventListener('abort', onAbort);
  }
}

/** What a verdict is called in the log. */
export function traceOf(verdict: Verdict): string {
  return verdict.kind === 'allow' && verdict.notScanned !== undefined
    ? `not-scanned: ${verdict.notScanned}`
    : verdict.kind;
}

/** Whatever a blade has thrown, as an error with a code. */
export function bladeError(blade: Blade, error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new PluginError(
    'ERR_PLUGIN_FAILED',
    `${blade.name} failed: ${messageOf(error)}`,
    { blade: blade.name },
    error,
  );
}

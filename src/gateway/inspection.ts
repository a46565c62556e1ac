// Runs the blades that a profile enables over one message and joins their verdicts: the first block
// decides, a modification replaces the message, an error is what the profile's onError says.
// G-04, G-06 … G-08.

import { PluginError, isWeirError, messageOf } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { Blade, BladeMessage, BlockVerdict, ModifyVerdict } from '../plugin/api.ts';

export interface InspectionProfile {
  readonly name: string;
  readonly onError: 'block' | 'allow';
  /** By blade name. */
  readonly blades: Readonly<Record<string, { readonly enabled: boolean; readonly timeoutMs: number }>>;
}

export interface BladeTrace {
  readonly name: string;
  /** `allow`, `block`, `modify`, `error` or `not-scanned: <reason>`. */
  readonly verdict: string;
  readonly ms: number;
}

export interface InspectionResult {
  readonly blocked: (BlockVerdict & { readonly blade: string }) | null;
  readonly modified: ModifyVerdict | null;
  readonly trace: readonly BladeTrace[];
}

/** Blades of `all` that the profile enables. */
export function enabledBlades(all: readonly Blade[], profile: InspectionProfile): readonly Blade[] {
  return all.filter((blade) => profile.blades[blade.name]?.enabled === true);
}

/**
 * Asks one blade after the other.
 * @throws {PluginError} of a blade that failed, when the profile blocks on errors
 */
export async function inspect(
  blades: readonly Blade[],
  profile: InspectionProfile,
  message: BladeMessage,
  signal: AbortSignal,
): Promise<InspectionResult> {
  const trace: BladeTrace[] = [];
  let modified: ModifyVerdict | null = null;
  for (const blade of blades) {
    const startedAt = performance.now();
    const note = (verdict: string): void => {
      trace.push({ name: blade.name, verdict, ms: performance.now() - startedAt });
    };
    try {
      const verdict = await timeBoxed(blade, message, signal, profile.blades[blade.name]!.timeoutMs);
      if (verdict.kind === 'block') {
        note('block');
        return { blocked: { ...verdict, blade: blade.name }, modified: null, trace };
      }
      if (verdict.kind === 'modify') modified = verdict;
      note(
        verdict.kind === 'allow' && verdict.notScanned !== undefined
          ? `not-scanned: ${verdict.notScanned}`
          : verdict.kind,
      );
    } catch (error) {
      note('error');
      if (signal.aborted || profile.onError === 'block')
        throw Object.assign(bladeError(blade, error), { trace });
    }
  }
  return { blocked: null, modified, trace };
}

/** A blade that does not answer in time has failed, whether it heeds its signal or not. */
async function timeBoxed(blade: Blade, message: BladeMessage, signal: AbortSignal, timeoutMs: number) {
  const limit = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  let onAbort: () => void = () => {};
  const cut = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    timer = setTimeout(() => {
      const text = `${blade.name} took longer than ${timeoutMs} ms`;
      const overdue = new PluginError('ERR_SCAN_TIMEOUT', text, { blade: blade.name });
      limit.abort(overdue);
      reject(overdue);
    }, timeoutMs);
  });
  try {
    return await Promise.race([blade.inspect(message, AbortSignal.any([signal, limit.signal])), cut]);
  } finally {
    clearTimeout(timer!);
    signal.removeEventListener('abort', onAbort);
  }
}

function bladeError(blade: Blade, error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new PluginError(
    'ERR_PLUGIN_FAILED',
    `${blade.name} failed: ${messageOf(error)}`,
    { blade: blade.name },
    error,
  );
}

// Spares blades what they have judged already: looks a content up before one is asked, and lets messages
// with the same content wait for the one that is being judged. Only for blades that say what their verdicts
// depend on (`judges: 'content'` or `'context'`), and only for clean and block: everything else is asked again.

import { createHash } from 'node:crypto';
import type { Blade, BladeMessage, Verdict } from '../../plugin/api.ts';
import type { Asked } from '../inspection.ts';
import type { VerdictStore } from './verdict-store.ts';

/** One message's content and what else verdicts on it depend on. */
export interface Content {
  /** Hexadecimal. */
  readonly sha256: string;
  readonly contentEncoding: string;
  readonly contentType: string;
}

/** Verdicts that are being made, by key; shared by all messages of a process. */
export type Flights = Map<string, Promise<Verdict | null>>;

/**
 * What a verdict is remembered by: content, and the rules that it was judged by.
 * @param scope  digest of profile, blade and its fingerprint, see `scopeOf`
 */
export function verdictKey(content: Content, scope: string): string {
  const { sha256, contentEncoding, contentType } = content;
  const type = contentType.length > 128 ? digest(contentType) : contentType;
  // Joined, since a template makes a rope of five strings, which would be kept as long as the verdict is.
  return [sha256, scope, contentEncoding.slice(0, 64), type].join(' ');
}

/**
 * What a blade's verdict on a message is remembered by; null: the blade is asked about every message.
 * @param scope  as of {@link verdictKey}
 */
export function memoryKey(
  { judges }: Blade,
  content: Content,
  scope: string,
  message: BladeMessage,
): string | null {
  if (judges === 'content') return verdictKey(content, scope);
  if (judges !== 'context') return null;
  const { direction, url } = message;
  const context = JSON.stringify([direction, url, message.header('content-disposition') ?? '']);
  return `${verdictKey(content, scope)} ${digest(context)}`;
}

/** Digest of everything but the content that a blade's verdict depends on. */
export function scopeOf(rules: string, blade: Blade, fingerprint: string): string {
  return digest(`${rules}\n${blade.name}\n${fingerprint}`);
}

/**
 * Asks a blade unless its verdict is known, or is about to be.
 *
 * @param ask  asks the blade for this message; settles in limited time
 * @param incident  of this message; remembered with a block
 * @returns `cached` is true where the blade was not asked for this message
 */
export async function judgeOnce(
  store: VerdictStore,
  flights: Flights,
  key: string,
  ask: () => Promise<Verdict>,
  incident: string,
  signal: AbortSignal,
): Promise<Asked> {
  const known = store.get(key);
  if (known !== null) return { verdict: known === 'clean' ? { kind: 'allow' } : known, cached: true };
  const flight = flights.get(key);
  if (flight !== undefined) {
    const verdict = await unlessAborted(flight, signal);
    if (verdict !== null) return { verdict, cached: true };
    // Whoever was asked for it has failed or given up: this message asks for itself.
    return { verdict: await ask(), cached: false };
  }
  let land: (verdict: Verdict | null) => void = () => {};
  flights.set(key, new Promise((resolve) => (land = resolve)));
  let verdict: Verdict | null = null;
  const startedAt = performance.now();
  try {
    verdict = await ask();
    if (verdict.kind === 'block') store.addFound(key, { ...verdict, incident });
    else if (isClean(verdict)) store.addClean(key, performance.now() - startedAt);
    return { verdict, cached: false };
  } finally {
    flights.delete(key);
    land(verdict?.kind === 'modify' ? null : verdict);
  }
}

/** Content that a blade has seen into and found nothing wrong with. */
export function isClean(verdict: Verdict): boolean {
  return verdict.kind === 'allow' && verdict.notScanned === undefined;
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then((value) => {
      signal.removeEventListener('abort', onAbort);
      resolve(value);
    });
  });
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

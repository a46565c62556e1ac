// Hands a message to a background blade: a copy of its body waits in the queue while the message passes. A
// block is remembered, so that the same content is stopped from then on, and everybody who got it meanwhile
// is named. G-18.

import { messageOf } from '../../errors.ts';
import type { Blade } from '../../plugin/api.ts';
import type { Recipient } from '../../telemetry/incidents.ts';
import { aftermath } from '../aftermath.ts';
import { bladeBody } from '../blade-message.ts';
import type { GatewayMemory } from '../gateway-memory.ts';
import type { BladeTrace } from '../inspection.ts';
import { askInTime } from '../inspection.ts';
import type { Inspector, Subject } from '../inspector.ts';
import type { Content } from '../verdicts/remembered.ts';
import { isClean, memoryKey, verdictKey } from '../verdicts/remembered.ts';
import type { Recipients } from './background-queue.ts';
import type { KeptContent } from './kept-content.ts';
import { keepContent } from './kept-content.ts';

/**
 * Queues the message for the blade, unless its verdict is known or about to be.
 * @returns its line in the trace: `background`, `allow` where it is known to be clean, or `dropped` where
 *          there is no room, which is logged; `continued` where it is blocked, and this user may pass
 */
export async function judgeLater(
  inspector: Inspector,
  memory: GatewayMemory,
  blade: Blade,
  subject: Subject,
  content: Content,
): Promise<BladeTrace> {
  const { name } = blade;
  const { message, held, told } = subject;
  const { background, verdicts } = memory;
  const scope = inspector.scope(blade);
  const key = verdictKey(content, scope);
  const waits: BladeTrace = { name, verdict: 'background', ms: 0 };
  const { cache = true } = inspector.profile;
  const cleanKey = cache ? memoryKey(blade, content, scope, message) : null;
  if (cleanKey !== null && verdicts.get(cleanKey) === 'clean') {
    return { name, verdict: 'allow', ms: 0, cached: true };
  }
  const known = verdicts.get(key);
  if (known !== null && known !== 'clean') return { name, verdict: 'continued', ms: 0, cached: true };
  const { url } = message;
  const recipient: Recipient = { time: Date.now(), client: told.clientIp, user: told.user, url };
  if (background.join(key, recipient)) return waits;
  const dropped = (reason: string): BladeTrace => {
    memory.event('warn', `${name} does not judge some messages in the background: ${reason}`, { url });
    return { name, verdict: 'dropped', ms: 0 };
  };
  const bytes = held?.size ?? 0;
  if (held === null || !background.hasRoom(bytes)) return dropped('too many wait');
  let kept: KeptContent;
  try {
    kept = await keepContent(held);
  } catch (error) {
    return dropped(messageOf(error));
  }
  const joined = background.join(key, recipient); // another message with it was quicker
  if (joined || !background.hasRoom(bytes)) {
    kept.release();
    return joined ? waits : dropped('too many wait');
  }
  inspector.usage?.enter();
  const copy: Subject = { ...subject, message: { ...message, body: bladeBody(kept) }, held: kept };
  background.add(
    {
      key,
      bytes,
      run: (recipients, signal) =>
        judge(inspector, memory, blade, copy, content, { key, cleanKey, recipients, signal }),
      release: () => {
        kept.release();
        inspector.usage?.leave();
      },
    },
    recipient,
  );
  return waits;
}

/** Asks the blade; remembers what it says, and tells who has got what it blocks. Never rejects. */
async function judge(
  inspector: Inspector,
  memory: GatewayMemory,
  blade: Blade,
  subject: Subject,
  content: Content,
  job: {
    readonly key: string;
    /** What it is remembered by when it is clean; null: it is not. */
    readonly cleanKey: string | null;
    readonly recipients: Recipients;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { incident, message } = subject;
  const { blades } = inspector.profile;
  const { key, cleanKey, recipients, signal } = job;
  const startedAt = performance.now();
  try {
    const verdict = await askInTime(blade, message, signal, blades[blade.name]!.timeoutMs);
    if (verdict.kind === 'block') {
      memory.verdicts.addFound(key, { ...verdict, incident });
      const { list, more } = recipients;
      const reached = { recipients: [...list], moreRecipients: more };
      await aftermath(inspector, subject, content, { ...verdict, blade: blade.name, cached: false }, reached);
    } else if (isClean(verdict) && cleanKey !== null) {
      memory.verdicts.addClean(cleanKey, performance.now() - startedAt);
    }
  } catch (error) {
    const fields = { incident, url: message.url };
    memory.event('warn', `${blade.name} failed in the background: ${messageOf(error)}`, fields);
  }
}

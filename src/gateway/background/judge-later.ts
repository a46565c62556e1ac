// Hands a message to a background blade: a copy of its body waits in the queue while the message passes. A
// block is remembered, so that the same content is stopped from then on, and everybody who got it meanwhile
// is named. G-18.

import { messageOf } from '../../errors.ts';
import type { Blade, BladeMessage, BlockVerdict } from '../../plugin/api.ts';
import type { Recipient } from '../../telemetry/incidents.ts';
import { aftermath } from '../aftermath.ts';
import { bladeBody } from '../blade-message.ts';
import type { GatewayMemory } from '../gateway-memory.ts';
import type { BladeTrace } from '../inspection.ts';
import { askInTime } from '../inspection.ts';
import type { Inspector, Subject } from '../inspector.ts';
import type { Content } from '../verdicts/remembered.ts';
import { isClean, verdictKey } from '../verdicts/remembered.ts';
import type { Recipients } from './background-queue.ts';
import type { KeptContent } from './kept-content.ts';
import { keepContent } from './kept-content.ts';

/**
 * Queues the message for the blade, unless its verdict is known or about to be.
 * @returns its line in the trace: `background`, `allow` where it is known to be clean, or `dropped` where
 *          there is no room, which is logged
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
  const key = verdictKey(content, inspector.scope(blade));
  const waits: BladeTrace = { name, verdict: 'background', ms: 0 };
  const { cache = true } = inspector.profile;
  const known = cache && blade.judges === 'content' ? verdicts.get(key) : null;
  if (known === 'clean') return { name, verdict: 'allow', ms: 0, cached: true };
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
  if (background.join(key, recipient) || !background.hasRoom(bytes)) {
    kept.release();
    return background.join(key, recipient) ? waits : dropped('too many wait');
  }
  inspector.usage?.enter();
  const copy: BladeMessage = { ...message, body: bladeBody(kept) };
  const job = new LateVerdict(inspector, memory, blade, { ...subject, message: copy, held: kept }, content);
  background.add(
    {
      key,
      bytes,
      run: (recipients, signal) => job.run(key, recipients, signal),
      release: () => {
        kept.release();
        inspector.usage?.leave();
      },
    },
    recipient,
  );
  return waits;
}

class LateVerdict {
  readonly #inspector: Inspector;
  readonly #memory: GatewayMemory;
  readonly #blade: Blade;
  readonly #subject: Subject;
  readonly #content: Content;

  constructor(inspector: Inspector, memory: GatewayMemory, blade: Blade, subject: Subject, content: Content) {
    this.#inspector = inspector;
    this.#memory = memory;
    this.#blade = blade;
    this.#subject = subject;
    this.#content = content;
  }

  async run(key: string, recipients: Recipients, signal: AbortSignal): Promise<void> {
    const blade = this.#blade;
    const { incident, message } = this.#subject;
    const { profile } = this.#inspector;
    const { verdicts } = this.#memory;
    try {
      const verdict = await askInTime(blade, message, signal, profile.blades[blade.name]!.timeoutMs);
      if (verdict.kind === 'block') {
        verdicts.addFound(key, { ...verdict, incident });
        await this.#alert(verdict, recipients);
      } else if (isClean(verdict) && blade.judges === 'content' && profile.cache !== false) {
        verdicts.addClean(key);
      }
    } catch (error) {
      const { url } = message;
      this.#memory.event('warn', `${blade.name} failed in the background: ${messageOf(error)}`, {
        incident,
        url,
      });
    }
  }

  async #alert(verdict: BlockVerdict, recipients: Recipients): Promise<void> {
    const found = { ...verdict, blade: this.#blade.name, cached: false };
    const { list, more } = recipients;
    await aftermath(this.#inspector, this.#subject, this.#content, found, {
      recipients: [...list],
      moreRecipients: more,
    });
  }
}

// Inside the thread of an isolated plugin: blades of other plugins, as `findBlade` gives them. Their `inspect`
// asks the host, which has the blade itself.

import { PluginError } from '../../errors.ts';
import type { Blade, BladeMessage } from '../api/blade.ts';
import type { Verdict } from '../api/verdict.ts';
import type { BladeFacts, FromThread, ToThread } from './messages.ts';
import { plainMessage, revivedFailure, withBuffers } from './plain-message.ts';

const MOST_COLLECTED = 64 * 1024 * 1024; // bytes of a body that a plugin gives as a stream alone

type Answer = Extract<ToThread, { kind: 'asked' | 'ask-failed' }>;

export class PeerBlades {
  readonly #tell: (message: FromThread) => void;
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #blades: ReadonlyMap<string, Blade> = new Map();
  #questions = 0;

  constructor(tell: (message: FromThread) => void) {
    this.#tell = tell;
  }

  readonly find = (name: string): Blade | null => this.#blades.get(name) ?? null;

  set(blades: readonly BladeFacts[]): void {
    this.#blades = new Map(
      blades.map(({ name, judges, fingerprint }) => [
        name,
        {
          ...{ name, judges },
          fingerprint: () => fingerprint,
          inspect: (message, signal) => this.#inspect(name, message, signal),
        },
      ]),
    );
  }

  onAnswer(answer: Answer): void {
    this.#asked.get(answer.id)?.(answer);
  }

  async #inspect(blade: string, message: BladeMessage, signal: AbortSignal): Promise<Verdict> {
    const whole = await withMemory(message);
    signal.throwIfAborted();
    const id = ++this.#questions;
    return await new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#asked.delete(id);
        this.#tell({ kind: 'ask-over', id });
        reject(signal.reason as Error);
      };
      this.#asked.set(id, (answer) => {
        this.#asked.delete(id);
        signal.removeEventListener('abort', onAbort);
        if (answer.kind === 'ask-failed') reject(revivedFailure(answer));
        else resolve(withBuffers(answer.verdict) as Verdict);
      });
      signal.addEventListener('abort', onAbort, { once: true });
      this.#tell({ kind: 'ask', id, blade, message: plainMessage(whole) });
    });
  }
}

/** A body that is neither in memory nor in a file, as a plugin may make it, is collected. */
async function withMemory(message: BladeMessage): Promise<BladeMessage> {
  const { body } = message;
  if (body === null || body.memory !== null || body.file !== null) return message;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body.stream() as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_COLLECTED) {
      throw new PluginError(
        'ERR_PLUGIN_FAILED',
        `a body for another blade has more than ${MOST_COLLECTED} bytes: give it as a file`,
      );
    }
    chunks.push(chunk);
  }
  return { ...message, body: { ...body, size, memory: Buffer.concat(chunks) } };
}

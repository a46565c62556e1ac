// One call of a function of an isolated plugin, from the moment somebody asks to its answer: what a thread needs
// to do it, which is kept until then, so that another thread can do it again.

import { PluginError } from '../../errors.ts';
import type { Target } from './messages.ts';
import type { PlainMessage } from './plain-message.ts';
import type { IsolatedThread } from './isolated-thread.ts';

/** Legs of one log-in: they belong to the thread that has begun it. */
export interface Dialogue {
  thread: IsolatedThread | null;
}

export class Task {
  readonly id: number;
  readonly target: Target;
  readonly input: unknown;
  /** Bytes of a body or message in memory, which a thread gets a copy of. */
  readonly bytes: number;
  readonly dialogue: Dialogue | null;
  readonly signal: AbortSignal;
  /** Threads that were lost, or held up by somebody else, while they had it. */
  moves = 0;
  /** It is done alone on a thread: if that fails as well, this call is why. */
  isSuspect = false;
  /** Nobody waits for it any more; it may still hold up its thread. */
  isLeft = false;
  readonly #settle: (answer: unknown) => void;
  #isSettled = false;

  constructor(
    id: number,
    call: { readonly target: Target; readonly input: unknown; readonly dialogue?: Dialogue | undefined },
    signal: AbortSignal,
    settle: (answer: unknown) => void,
  ) {
    this.id = id;
    this.target = call.target;
    this.input = call.input;
    this.bytes = bytesOf(call.target, call.input);
    this.dialogue = call.dialogue ?? null;
    this.signal = signal;
    this.#settle = settle;
  }

  /** @param answer  of the plugin; an Error where it has failed */
  settle(answer: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settle(answer);
  }

  fail(why: string): void {
    this.settle(failed(why));
  }
}

export function failed(why: string): PluginError {
  return new PluginError('ERR_PLUGIN_FAILED', why);
}

function bytesOf({ kind }: Target, input: unknown): number {
  if (kind === 'hook') return (input as { data?: Uint8Array }).data?.length ?? 0;
  return kind === 'blade' || kind === 'service' ? ((input as PlainMessage).body?.memory?.length ?? 0) : 0;
}

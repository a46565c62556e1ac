// Services of plugins: a whole ICAP service under a path of its own. The dialogue, OPTIONS, previews and the
// log are the gateway's.

import type { ModMethod } from '../../icap/service.ts';
import type { BladeMessage } from './blade.ts';
import type { Verdict } from './verdict.ts';

/** Judges one message; see `Blade.inspect`. @param signal  aborted when the client gave up or the time is over */
export type MessageHandler = (message: BladeMessage, signal: AbortSignal) => Verdict | Promise<Verdict>;

/** At least one of `reqmod` and `respmod`. */
export interface ServiceDefinition {
  /** Path of the ICAP URI: `/` and up to 64 letters, digits, `.`, `_` and `-`; unlike every other service's. */
  readonly path: string;
  reqmod?: MessageHandler;
  respmod?: MessageHandler;
  /** One line for OPTIONS. Default: name and version of the plugin. */
  readonly description?: string;
  /** Bytes of the preview that is asked for. Default 4096. */
  readonly previewBytes?: number;
  /** Milliseconds for one message; past them it is an error, and the client's policy decides. Default 30 000. */
  readonly timeoutMs?: number;
  /** As of a blade: changes when verdicts may change; part of the ISTag. */
  fingerprint?(): string;
}

/** A service that was registered; `fingerprint` is always there, and `plugin` says whose it is. */
export interface RegisteredService extends ServiceDefinition {
  readonly plugin: string;
  readonly methods: readonly ModMethod[];
  fingerprint(): string;
}

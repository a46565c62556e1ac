// What the thread of an isolated plugin and its host say to each other. Everything is plain data.

import type { LoadedPlugin, PluginEntry } from '../loader.ts';
import type { PluginAuthenticator } from '../api/authenticator.ts';
import type { Blade } from '../api/blade.ts';
import type { HOOK_POINTS } from '../api/hooks.ts';
import type { PanelDefinition } from '../api/panel.ts';
import type { ServiceDefinition } from '../api/service.ts';
import type { PlainMessage } from './plain-message.ts';

export interface ThreadStart {
  readonly entry: PluginEntry;
  readonly setupTimeoutMs: number;
  /** Bytes of buffers, which the limit of the heap does not see. */
  readonly memoryBytes: number;
  /** Two numbers of 32 bits: see `EXECUTING` and `BEATS`. */
  readonly pulse: SharedArrayBuffer;
}

/** Place in the pulse: number of the call whose code runs now; 0: none, or code that belongs to no call. */
export const EXECUTING = 0;
/** Place in the pulse: grows as long as the thread's event loop turns. */
export const BEATS = 1;

export interface BladeFacts {
  readonly name: string;
  readonly judges: NonNullable<Blade['judges']>;
  readonly fingerprint: string;
}

export type PluginFacts = Pick<LoadedPlugin, 'name' | 'version' | 'file' | 'folder' | 'watched'> & {
  readonly blades: readonly BladeFacts[];
  readonly services: readonly ServiceFacts[];
  readonly hooks: readonly HookFacts[];
  readonly panels: readonly Pick<PanelDefinition, 'id' | 'title'>[];
  readonly authenticators: readonly Omit<PluginAuthenticator, 'begin'>[];
  readonly keepsReports: boolean;
};

export type ServiceFacts = Pick<ServiceDefinition, 'path' | 'description' | 'previewBytes' | 'timeoutMs'> & {
  readonly methods: readonly ('reqmod' | 'respmod')[];
  readonly fingerprint: string;
};

/** Those of blades and services, in the order of the facts. */
export type Fingerprints = readonly string[];

export interface HookFacts {
  readonly timeoutMs?: number;
  readonly points: readonly HookPoint[];
}

export type HookPoint = (typeof HOOK_POINTS)[number];

/** Which function of the plugin is called; hooks by their place among its hooks. */
export type Target =
  | { readonly kind: 'blade'; readonly name: string }
  | { readonly kind: 'service'; readonly path: string; readonly method: 'reqmod' | 'respmod' }
  | { readonly kind: 'hook'; readonly index: number; readonly point: HookPoint }
  | { readonly kind: 'panel'; readonly id: string }
  | { readonly kind: 'report'; readonly ask: 'find' | 'latest' }
  /** One leg of a dialogue; `leg` counts from 1, which begins it. */
  | {
      readonly kind: 'log-in';
      readonly scheme: string;
      readonly dialogue: number;
      readonly leg: number;
      readonly client: string;
    };

export interface FailureMessage {
  readonly code: string;
  readonly message: string;
  readonly path: string | null;
}

export type ToThread =
  | { readonly kind: 'call'; readonly id: number; readonly target: Target; readonly input: unknown }
  | { readonly kind: 'abort'; readonly id: number }
  /** Blades of other plugins, which `findBlade` finds from here on. */
  | { readonly kind: 'peers'; readonly blades: readonly BladeFacts[] }
  /** What such a blade has answered. */
  | { readonly kind: 'asked'; readonly id: number; readonly verdict: unknown }
  | ({ readonly kind: 'ask-failed'; readonly id: number } & FailureMessage)
  | { readonly kind: 'log-in-over'; readonly dialogue: number }
  | { readonly kind: 'close' };

export type FromThread =
  | { readonly kind: 'ready'; readonly facts: PluginFacts }
  | ({ readonly kind: 'failed' } & FailureMessage)
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | ({ readonly kind: 'error'; readonly id: number } & FailureMessage)
  | { readonly kind: 'fingerprints'; readonly fingerprints: Fingerprints }
  /** A blade of another plugin is to judge. */
  | { readonly kind: 'ask'; readonly id: number; readonly blade: string; readonly message: PlainMessage }
  | { readonly kind: 'ask-over'; readonly id: number }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    }
  | { readonly kind: 'hog'; readonly bytes: number }
  | { readonly kind: 'closed' };

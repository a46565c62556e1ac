// What the thread of an isolated plugin and its host say to each other. Everything is plain data.

import type { LoadedPlugin, PluginEntry } from '../loader.ts';
import type { Blade, BladeMessage } from '../api/blade.ts';
import type { HOOK_POINTS } from '../api/hooks.ts';
import type { ServiceDefinition } from '../api/service.ts';
import type { Verdict } from '../api/verdict.ts';

export interface ThreadStart {
  readonly entry: PluginEntry;
  readonly setupTimeoutMs: number;
  /** Bytes of buffers, which the limit of the heap does not see. */
  readonly memoryBytes: number;
}

export interface BladeFacts {
  readonly name: string;
  readonly judges: NonNullable<Blade['judges']>;
  readonly fingerprint: string;
}

export type PluginFacts = Pick<LoadedPlugin, 'name' | 'version' | 'file' | 'folder' | 'watched'> & {
  readonly blades: readonly BladeFacts[];
  readonly services: readonly ServiceFacts[];
  readonly hooks: readonly HookFacts[];
};

export type ServiceFacts = Pick<ServiceDefinition, 'path' | 'description' | 'previewBytes' | 'timeoutMs'> & {
  readonly methods: readonly ('reqmod' | 'respmod')[];
  readonly fingerprint: string;
};

export interface HookFacts {
  readonly timeoutMs?: number;
  readonly points: readonly HookPoint[];
}

export type HookPoint = (typeof HOOK_POINTS)[number];

/** Which function of the plugin is called; hooks by their place among its hooks. */
export type Target =
  | { readonly kind: 'blade'; readonly name: string }
  | { readonly kind: 'service'; readonly path: string; readonly method: 'reqmod' | 'respmod' }
  | { readonly kind: 'hook'; readonly index: number; readonly point: HookPoint };

/** A message without its functions; `field` is what `header()` looks in. */
export type PlainMessage = Omit<BladeMessage, 'header' | 'body'> & {
  readonly body: {
    readonly size: number;
    readonly memory: Uint8Array | null;
    readonly file: string | null;
  } | null;
};

export type ToThread =
  | { readonly kind: 'call'; readonly id: number; readonly target: Target; readonly input: unknown }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'close' };

export type FromThread =
  | { readonly kind: 'ready'; readonly facts: PluginFacts }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly path: string | null }
  | { readonly kind: 'verdict'; readonly id: number; readonly verdict: Verdict | undefined }
  | { readonly kind: 'error'; readonly id: number; readonly code: string; readonly message: string }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    }
  | { readonly kind: 'hog'; readonly bytes: number }
  | { readonly kind: 'closed' };

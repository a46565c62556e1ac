// An isolated plugin as the process sees it: what it has registered, each function of which asks a thread; and
// what its threads ask for in turn, which are other plugins' blades. Who does what, and what becomes of threads
// that fail, is thread-pool.ts.

import type { Authentication, PluginAuthenticator } from '../api/authenticator.ts';
import type { Blade } from '../api/blade.ts';
import type { ProxyHook } from '../api/hooks.ts';
import type { PanelDefinition, PanelView } from '../api/panel.ts';
import type { Report, ReportSource } from '../api/report.ts';
import type { MessageHandler, ServiceDefinition } from '../api/service.ts';
import type { Verdict } from '../api/verdict.ts';
import { messageOf } from '../../errors.ts';
import type { HostLogger, LoadedPlugin, PluginEntry } from '../loader.ts';
import type { IsolatedThread } from './isolated-thread.ts';
import type { BladeFacts, FromThread, PluginFacts, Target } from './messages.ts';
import { plainFailure, plainMessage, revivedMessage } from './plain-message.ts';
import { failed, type Dialogue } from './task.ts';
import { ThreadPool, type PoolEvents } from './thread-pool.ts';

const PANEL_LIMIT_MS = 2000; // as panel-view.ts waits
const REPORT_LIMIT_MS = 5000;
const THREADS = 2; // one that works, one that stands by

export interface PluginThreadOptions {
  readonly memoryBytes: number;
  readonly setupTimeoutMs: number;
  readonly log: HostLogger;
  /** The plugins whose blades its own find. */
  readonly peers: LoadedPlugin['peers'];
}

export class PluginThread implements PoolEvents {
  readonly #log: HostLogger;
  readonly #peers: LoadedPlugin['peers'];
  readonly #asks = new Map<IsolatedThread, Map<number, AbortController>>();
  #pool: ThreadPool | null = null;
  #fingerprints: readonly string[] | null = null;
  #dialogues = 0;

  private constructor({ log, peers }: PluginThreadOptions) {
    this.#log = log;
    this.#peers = peers;
  }

  /** @throws {PluginError} `ERR_PLUGIN_LOAD`, `ERR_PLUGIN_OPTIONS` */
  static async start(entry: PluginEntry, options: PluginThreadOptions): Promise<PluginThread> {
    const { use, resolveFrom } = entry;
    const { setupTimeoutMs, memoryBytes, log } = options;
    const start = { entry: { use, with: entry.with, resolveFrom }, setupTimeoutMs, memoryBytes };
    const host = new PluginThread(options);
    host.#pool = await ThreadPool.start({ start, threads: THREADS, log }, host);
    return host;
  }

  get facts(): PluginFacts {
    return this.#pool!.facts;
  }

  get blades(): Blade[] {
    return this.facts.blades.map(({ name, judges }, index) => ({
      ...{ name, judges },
      fingerprint: () => this.#fingerprint(index),
      inspect: this.#handler({ kind: 'blade', name }),
    }));
  }

  get services(): ServiceDefinition[] {
    const { blades, services } = this.facts;
    return services.map(({ methods, fingerprint: _, ...service }, index) => ({
      ...service,
      fingerprint: () => this.#fingerprint(blades.length + index),
      ...Object.fromEntries(
        methods.map((method) => [method, this.#handler({ kind: 'service', path: service.path, method })]),
      ),
    }));
  }

  get hooks(): ProxyHook[] {
    return this.facts.hooks.map(({ points, ...hook }, index) => ({
      ...hook,
      ...Object.fromEntries(
        points.map((point) => [
          point,
          (event: object, signal: AbortSignal) => this.#call({ kind: 'hook', index, point }, event, signal),
        ]),
      ),
    }));
  }

  get panels(): PanelDefinition[] {
    return this.facts.panels.map(({ id, title }) => ({
      ...{ id, title },
      data: async () =>
        (await this.#call({ kind: 'panel', id }, null, AbortSignal.timeout(PANEL_LIMIT_MS))) as PanelView,
    }));
  }

  get reports(): ReportSource[] {
    if (!this.facts.keepsReports) return [];
    const ask = (what: 'find' | 'latest', input: unknown): Promise<unknown> =>
      this.#call({ kind: 'report', ask: what }, input, AbortSignal.timeout(REPORT_LIMIT_MS));
    return [
      {
        find: async (id) => (await ask('find', id)) as Report | null,
        latest: async (count) => (await ask('latest', count)) as readonly string[],
      },
    ];
  }

  get authenticators(): PluginAuthenticator[] {
    return this.facts.authenticators.map((facts) => ({
      ...facts,
      begin: (client) => this.#begin(facts.scheme, client),
    }));
  }

  /** Blades are closed, the threads ended. Never rejects. */
  async close(): Promise<void> {
    await this.#pool!.close();
    for (const asks of this.#asks.values()) abortAll(asks);
  }

  onDispatch(thread: IsolatedThread): void {
    const { all } = this.#peers;
    if (thread.peersTold === all) return;
    thread.peersTold = all;
    const blades = this.#otherBlades().map(({ name, judges = 'message', fingerprint }): BladeFacts => ({
      ...{ name, judges },
      fingerprint: fingerprint?.() ?? '',
    }));
    thread.send({ kind: 'peers', blades });
  }

  onMessage(thread: IsolatedThread, message: FromThread): void {
    switch (message.kind) {
      case 'log':
        return this.#log[message.level](message.fields, message.message);
      case 'fingerprints':
        this.#fingerprints = message.fingerprints;
        return;
      case 'ask':
        return void this.#ask(thread, message);
      case 'ask-over':
        return this.#asks.get(thread)?.get(message.id)?.abort(failed('given up'));
      default:
        return;
    }
  }

  onLost(thread: IsolatedThread): void {
    abortAll(this.#asks.get(thread) ?? new Map());
    this.#asks.delete(thread);
  }

  #call(target: Target, input: unknown, signal: AbortSignal): Promise<unknown> {
    return this.#pool!.call({ target, input }, signal);
  }

  #handler(target: Target): MessageHandler {
    return async (message, signal) => (await this.#call(target, plainMessage(message), signal)) as Verdict;
  }

  #fingerprint(index: number): string {
    const { blades, services } = this.facts;
    return this.#fingerprints?.[index] ?? [...blades, ...services][index]!.fingerprint;
  }

  #begin(scheme: string, client: string): Authentication {
    const number = ++this.#dialogues;
    const dialogue: Dialogue = { thread: null };
    let leg = 0;
    return {
      step: async (token, signal) => {
        const target = { kind: 'log-in', scheme, dialogue: number, leg: ++leg, client } as const;
        return (await this.#pool!.call({ target, input: token, dialogue }, signal)) as never;
      },
      close: () => dialogue.thread?.send({ kind: 'log-in-over', dialogue: number }),
    };
  }

  #otherBlades(): Blade[] {
    const { name } = this.facts;
    return this.#peers.all.filter((plugin) => plugin.name !== name).flatMap((plugin) => plugin.blades);
  }

  /** A blade of another plugin judges what a thread sends. */
  async #ask(thread: IsolatedThread, { id, blade, message }: Extract<FromThread, { kind: 'ask' }>) {
    const abort = new AbortController();
    const asks = this.#asks.get(thread) ?? new Map<number, AbortController>();
    this.#asks.set(thread, asks.set(id, abort));
    try {
      const found = this.#otherBlades().find(({ name }) => name === blade);
      if (found === undefined) throw failed(`there is no blade ${blade} any more`);
      const verdict = await found.inspect(revivedMessage(message), abort.signal);
      thread.send({ kind: 'asked', id, verdict });
    } catch (error) {
      const failure = { ...plainFailure(error), message: `blade ${blade}: ${messageOf(error)}` };
      thread.send({ kind: 'ask-failed', id, ...failure });
    } finally {
      asks.delete(id);
    }
  }
}

function abortAll(asks: ReadonlyMap<number, AbortController>): void {
  for (const ask of asks.values()) ask.abort(failed('the thread that asked is gone'));
}

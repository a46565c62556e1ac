// Inside the thread of an isolated plugin: what it has registered, as facts for the host, and called by them.

import type { Authentication } from '../api/authenticator.ts';
import { HOOK_POINTS } from '../api/hooks.ts';
import type { LoadedPlugin } from '../loader.ts';
import { PluginError } from '../../errors.ts';
import type { Fingerprints, PluginFacts, ServiceFacts, Target } from './messages.ts';
import { bufferOf, isVerdict, revivedMessage, type PlainMessage } from './plain-message.ts';

const MOST_DIALOGUES = 10_000;

export class Functions {
  readonly #plugin: LoadedPlugin;
  readonly #dialogues = new Map<number, Authentication>();

  constructor(plugin: LoadedPlugin) {
    this.#plugin = plugin;
  }

  /** @throws what the plugin throws. @throws {PluginError} `ERR_PLUGIN_FAILED`: it gave no verdict */
  async call(target: Target, input: unknown, signal: AbortSignal): Promise<unknown> {
    const { blades, services, hooks, panels, reports } = this.#plugin;
    switch (target.kind) {
      case 'blade':
        return verdictOf(
          await blades
            .find(({ name }) => name === target.name)!
            .inspect(revivedMessage(input as PlainMessage), signal),
        );
      case 'service':
        return verdictOf(
          await services.find(({ path }) => path === target.path)![target.method]!(
            revivedMessage(input as PlainMessage),
            signal,
          ),
        );
      case 'hook':
        // What a hook may answer, the proxy checks: nothing is an answer too.
        return await hooks[target.index]!.hook[target.point]!(withBuffer(input as object) as never, signal);
      case 'panel':
        return await panels.find(({ id }) => id === target.id)!.data();
      case 'report':
        return target.ask === 'find'
          ? await reports[0]!.find(input as string)
          : await reports[0]!.latest(input as number);
      case 'log-in':
        return await this.#dialogue(target).step(input as string, signal);
    }
  }

  endDialogue(dialogue: number): void {
    const authentication = this.#dialogues.get(dialogue);
    this.#dialogues.delete(dialogue);
    authentication?.close?.();
  }

  #dialogue({ scheme, dialogue, leg, client }: Extract<Target, { kind: 'log-in' }>): Authentication {
    const known = this.#dialogues.get(dialogue);
    if (known !== undefined) return known;
    if (leg > 1) throw new PluginError('ERR_PLUGIN_FAILED', 'the dialogue of a log-in is not known any more');
    const { authenticator } = this.#plugin.authenticators.find((each) => each.scheme === scheme)!;
    const begun = authenticator.begin(client);
    const [oldest] = this.#dialogues.keys();
    if (this.#dialogues.size >= MOST_DIALOGUES && oldest !== undefined) this.endDialogue(oldest);
    this.#dialogues.set(dialogue, begun);
    return begun;
  }
}

export function factsOf(plugin: LoadedPlugin): PluginFacts {
  const { name, version, file, folder, watched, blades, services, hooks, panels, authenticators } = plugin;
  return {
    ...{ name, version, file, folder, watched },
    blades: blades.map((blade) => ({
      name: blade.name,
      judges: blade.judges ?? ('message' as const),
      fingerprint: blade.fingerprint!(),
    })),
    services: services.map(
      ({ path, description, previewBytes, timeoutMs, reqmod, respmod, fingerprint }): ServiceFacts => ({
        path,
        ...(description === undefined ? {} : { description }),
        ...(previewBytes === undefined ? {} : { previewBytes }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        methods: [
          ...(reqmod === undefined ? [] : (['reqmod'] as const)),
          ...(respmod === undefined ? [] : (['respmod'] as const)),
        ],
        fingerprint: fingerprint(),
      }),
    ),
    hooks: hooks.map(({ hook }) => ({
      ...(hook.timeoutMs === undefined ? {} : { timeoutMs: hook.timeoutMs }),
      points: HOOK_POINTS.filter((point) => hook[point] !== undefined),
    })),
    panels: panels.map(({ id, title }) => ({ id, title })),
    authenticators: authenticators.map(({ scheme, authenticator }) => {
      const { parameters, timeoutMs, perConnection } = authenticator;
      return {
        scheme,
        ...(parameters === undefined ? {} : { parameters }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(perConnection === undefined ? {} : { perConnection }),
      };
    }),
    keepsReports: plugin.reports.length > 0,
  };
}

/** Of blades, then of services. */
export function fingerprintsOf({ blades, services }: LoadedPlugin): Fingerprints {
  return [...blades, ...services].map((each) => each.fingerprint!());
}

function verdictOf(answer: unknown): unknown {
  if (isVerdict(answer)) return answer;
  throw new PluginError('ERR_PLUGIN_FAILED', 'gave no verdict');
}

/** Buffers arrive in a thread as plain arrays of bytes. */
function withBuffer(event: object): object {
  const { data } = event as { data?: Uint8Array };
  return data === undefined ? event : { ...event, data: bufferOf(data) };
}

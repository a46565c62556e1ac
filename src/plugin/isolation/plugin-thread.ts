// Runs inside the thread of an isolated plugin: loads it as the process itself would, and lets its blades judge
// what the host sends. What becomes of a thread that fails is thread-host.ts.

import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { parentPort, workerData } from 'node:worker_threads';
import { isWeirError, messageOf, PluginError } from '../../errors.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import { HOOK_POINTS } from '../api/hooks.ts';
import type { BladeMessage } from '../api/blade.ts';
import type { HostLogger, LoadedPlugin } from '../loader.ts';
import { closePlugins, loadPlugins } from '../loader.ts';
import type { Verdict } from '../api/verdict.ts';
import type { FromThread, PlainMessage, Target, ThreadStart, ToThread } from './messages.ts';

const MEMORY_LOOK_MS = 100;

const port = parentPort!;
const { entry, setupTimeoutMs, memoryBytes } = workerData as ThreadStart;
const tell = (message: FromThread): void => port.postMessage(message);

const logAs =
  (level: 'debug' | 'info' | 'warn' | 'error') =>
  (fields: object, message: string): void =>
    tell({ kind: 'log', level, fields: plainFields(fields), message });
const log: HostLogger = {
  ...{ debug: logAs('debug'), info: logAs('info'), warn: logAs('warn'), error: logAs('error') },
  child: () => log,
};

try {
  const loaded = await loadPlugins([entry], { log, onBlade: () => {}, setupTimeoutMs });
  serve(loaded[0]!);
} catch (error) {
  const { code = 'ERR_PLUGIN_LOAD', fields = {} } = isWeirError(error) ? error : {};
  const path = (fields as { path?: string }).path ?? null;
  tell({ kind: 'failed', code, message: messageOf(error), path });
}

function serve(plugin: LoadedPlugin): void {
  const { name, version, file, folder, watched, blades, services, hooks, panels } = plugin;
  const { authenticators, reports } = plugin;
  if ([panels, authenticators, reports].some((list) => list.length > 0)) {
    const message = `plugin ${name} registers more than blades, services and hooks, which cannot be isolated: remove \`isolate\``;
    return tell({ kind: 'failed', code: 'ERR_PLUGIN_LOAD', message, path: null });
  }
  const running = new Map<number, AbortController>();
  port.on('message', (message: ToThread) => {
    if (message.kind === 'call') void call(message.id, message.target, message.input);
    else if (message.kind === 'abort')
      running.get(message.id)?.abort(new PluginError('ERR_ABORTED', 'given up'));
    else void closePlugins([plugin]).then(() => tell({ kind: 'closed' }));
  });
  const answer = async (
    target: Target,
    input: unknown,
    signal: AbortSignal,
  ): Promise<Verdict | undefined> => {
    switch (target.kind) {
      case 'blade':
        return await blades
          .find(({ name: each }) => each === target.name)!
          .inspect(revived(input as PlainMessage), signal);
      case 'service':
        return await services.find(({ path }) => path === target.path)![target.method]!(
          revived(input as PlainMessage),
          signal,
        );
      case 'hook': {
        const { hook } = hooks[target.index]!;
        const verdict = await hook[target.point]!(withBuffer(input as object) as never, signal);
        return verdict ?? undefined;
      }
    }
  };
  const call = async (id: number, target: Target, input: unknown): Promise<void> => {
    const abort = new AbortController();
    running.set(id, abort);
    try {
      tell({ kind: 'verdict', id, verdict: await answer(target, input, abort.signal) });
    } catch (error) {
      const code = isWeirError(error) ? error.code : 'ERR_PLUGIN_FAILED';
      tell({ kind: 'error', id, code, message: messageOf(error) });
    } finally {
      running.delete(id);
    }
  };
  setInterval(() => {
    const { arrayBuffers } = process.memoryUsage();
    if (arrayBuffers > memoryBytes) tell({ kind: 'hog', bytes: arrayBuffers });
  }, MEMORY_LOOK_MS).unref();
  const facts = blades.map((blade) => ({
    name: blade.name,
    judges: blade.judges ?? ('message' as const),
    fingerprint: blade.fingerprint!(),
  }));
  const brings = {
    blades: facts,
    services: services.map(
      ({ path, description, previewBytes, timeoutMs, reqmod, respmod, fingerprint }) => ({
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
  };
  tell({ kind: 'ready', facts: { name, version, file, folder, watched, ...brings } });
}

function revived({ body, ...message }: PlainMessage): BladeMessage {
  const inspected = message.direction === 'request' ? message.request : message.response;
  const memory = body?.memory == null ? null : Buffer.from(body.memory);
  return {
    ...message,
    header: (name) => (inspected === null ? undefined : fieldValue(inspected.headers, name.toLowerCase())),
    body:
      body === null
        ? null
        : {
            size: body.size,
            memory,
            file: body.file,
            stream: () =>
              memory === null ? createReadStream(body.file!) : Readable.from([memory], { objectMode: false }),
          },
  };
}

/** Buffers arrive in a thread as plain arrays of bytes. */
function withBuffer(event: object): object {
  const { data } = event as { data?: Uint8Array };
  return data === undefined ? event : { ...event, data: Buffer.from(data) };
}

/** Functions and the like cannot leave a thread. */
function plainFields(fields: object): object {
  try {
    return JSON.parse(JSON.stringify(fields)) as object;
  } catch {
    return {};
  }
}

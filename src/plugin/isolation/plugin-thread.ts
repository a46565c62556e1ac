// Runs inside the thread of an isolated plugin: loads it as the process itself would, and calls its functions for
// the host. What becomes of a thread that fails is thread-pool.ts.

import { parentPort, workerData } from 'node:worker_threads';
import { PluginError, isWeirError, messageOf } from '../../errors.ts';
import type { HostLogger, LoadedPlugin } from '../loader.ts';
import { closePlugins, loadPlugins } from '../loader.ts';
import { Functions, factsOf, fingerprintsOf } from './functions.ts';
import type { Fingerprints, FromThread, Target, ThreadStart, ToThread } from './messages.ts';
import { PeerBlades } from './peer-blades.ts';
import { plainFailure } from './plain-message.ts';
import { Pulse } from './pulse.ts';

const BEAT_MS = 50;

const port = parentPort!;
const { entry, setupTimeoutMs, memoryBytes, pulse: memory } = workerData as ThreadStart;
const tell = (message: FromThread): void => port.postMessage(message);
const pulse = new Pulse(memory);
const peers = new PeerBlades(tell);
const running = new Map<number, AbortController>();

const logAs =
  (level: 'debug' | 'info' | 'warn' | 'error') =>
  (fields: object, message: string): void =>
    tell({ kind: 'log', level, fields: plainFields(fields), message });
const log: HostLogger = {
  ...{ debug: logAs('debug'), info: logAs('info'), warn: logAs('warn'), error: logAs('error') },
  child: () => log,
};

// A rejection that nobody heeds leaves nothing half done here: the call that made it has failed, no other.
process.on('unhandledRejection', (reason, promise) => {
  const id = pulse.callOf(promise);
  log.error({ err: { message: messageOf(reason) } }, `a promise was rejected unheeded: ${messageOf(reason)}`);
  if (running.delete(id)) {
    const message = `a promise of it was rejected unheeded: ${messageOf(reason)}`;
    tell({ kind: 'error', id, code: 'ERR_PLUGIN_FAILED', message, path: null });
  }
});

try {
  const findElsewhere = peers.find;
  const loaded = await loadPlugins([entry], { log, onBlade: () => {}, setupTimeoutMs, findElsewhere });
  serve(loaded[0]!);
} catch (error) {
  const code = isWeirError(error) ? error.code : 'ERR_PLUGIN_LOAD';
  tell({ kind: 'failed', ...plainFailure(error), code });
}

function serve(plugin: LoadedPlugin): void {
  const functions = new Functions(plugin);
  port.on('message', (message: ToThread) => {
    switch (message.kind) {
      case 'call':
        return void call(functions, message.id, message.target, message.input);
      case 'abort':
        return running.get(message.id)?.abort(new PluginError('ERR_ABORTED', 'given up'));
      case 'peers':
        return peers.set(message.blades);
      case 'asked':
      case 'ask-failed':
        return peers.onAnswer(message);
      case 'log-in-over':
        return functions.endDialogue(message.dialogue);
      case 'close':
        return void closePlugins([plugin]).then(() => tell({ kind: 'closed' }));
    }
  });
  let told = fingerprintsOf(plugin);
  setInterval(() => {
    pulse.beat();
    const { arrayBuffers } = process.memoryUsage();
    if (arrayBuffers > memoryBytes) tell({ kind: 'hog', bytes: arrayBuffers });
    const fingerprints = newFingerprints(plugin) ?? told;
    if (fingerprints.join('\n') === told.join('\n')) return;
    told = fingerprints;
    tell({ kind: 'fingerprints', fingerprints });
  }, BEAT_MS).unref();
  tell({ kind: 'ready', facts: factsOf(plugin) });
}

async function call(functions: Functions, id: number, target: Target, input: unknown): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  try {
    const answer = await pulse.during(id, () => functions.call(target, input, abort.signal));
    if (running.has(id)) tell({ kind: 'answer', id, answer });
  } catch (error) {
    if (running.has(id)) tell({ kind: 'error', id, ...plainFailure(error) });
  } finally {
    running.delete(id);
  }
}

/** Null: one could not be had; those of before hold. */
function newFingerprints(plugin: LoadedPlugin): Fingerprints | null {
  try {
    return fingerprintsOf(plugin);
  } catch {
    return null;
  }
}

/** Functions and the like cannot leave a thread. */
function plainFields(fields: object): object {
  try {
    return JSON.parse(JSON.stringify(fields)) as object;
  } catch {
    return {};
  }
}

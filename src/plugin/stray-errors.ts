// Errors that nobody catches, of plugins that run in this process because the configuration says so: a timer that
// throws, a promise or an emitter that nobody heeds. Whose it was, the stack tells; the process goes on then.
// An endless loop and an exhausted heap cannot be held here: that is what isolation/ is for (decision 0019).

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors.ts';

/** Where the code of a plugin lies. */
export interface GuardedPlugin {
  readonly name: string;
  readonly file: string;
  /** Of its package; null: the file alone, which may lie beside anything. */
  readonly folder: string | null;
}

const guarded = new Set<GuardedPlugin>();

const PLACE = /(?:\(|at (?:async )?)((?:file:\/\/|\/|[A-Za-z]:\\).+?)(?::\d+){1,2}\)?$/;

/** From here on its errors are known as its own. @returns ends that */
export function guard(plugin: GuardedPlugin): () => void {
  guarded.add(plugin);
  return () => void guarded.delete(plugin);
}

/** Name of the guarded plugin whose code is innermost in the error's stack; null: there is none of them in it. */
export function pluginOfError(error: unknown): string | null {
  const stack = (error as { stack?: unknown } | null)?.stack;
  if (guarded.size === 0 || typeof stack !== 'string') return null;
  for (const line of stack.split('\n')) {
    const file = fileOf(line);
    if (file === null) continue;
    for (const plugin of guarded) if (isOf(plugin, file)) return plugin.name;
  }
  return null;
}

/** What the log says of it. */
export function strayError(plugin: string, error: unknown): [message: string, fields: object] {
  const { stack } = (error ?? {}) as { stack?: unknown };
  const message = `plugin ${plugin} has thrown where nobody catches it: ${messageOf(error)}; let it run isolated, or tell its author`;
  return [message, { plugin, stack }];
}

function isOf({ file, folder }: GuardedPlugin, place: string): boolean {
  return place === file || (folder !== null && place.startsWith(folder + path.sep));
}

function fileOf(line: string): string | null {
  const place = PLACE.exec(line.trim())?.[1]?.replace(/\?.*$/, '');
  if (place === undefined) return null;
  try {
    return place.startsWith('file:') ? fileURLToPath(place) : place;
  } catch {
    return null;
  }
}

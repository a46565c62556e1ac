// Sets up a plugin as the gateway does and asks the blade that it registers; makes the messages for it,
// and reads the configuration out of a page of docs/, so that what users paste is what is tried.

import { readFile } from 'node:fs/promises';
import { createReadStream, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Blade, BladeBody, BladeMessage, PluginDefinition, Verdict } from '../../src/index.ts';

export interface BladeUnderTest extends AsyncDisposable {
  readonly blade: Blade;
  /** Everything that was logged, as `level text`. */
  readonly logged: readonly string[];
  /** Paths that the plugin asked to be watched. */
  readonly watched: readonly string[];
  ask(message: Partial<MessageParts>, signal?: AbortSignal): Promise<Verdict>;
}

export interface MessageParts {
  readonly direction: 'request' | 'response';
  readonly method: string;
  readonly url: string;
  /** Of the message that is inspected. */
  readonly headers: readonly string[];
  readonly status: number;
  /** Bytes, or the path of a file. */
  readonly body: Buffer | string | null;
  readonly user: string | null;
  readonly groups: readonly string[];
}

/** Runs the plugin's `setup` with options as they would stand in the configuration. */
export async function bladeOf<Options>(
  plugin: PluginDefinition<Options>,
  options: object = {},
): Promise<BladeUnderTest> {
  let blade: Blade | undefined;
  const logged: string[] = [];
  const watched: string[] = [];
  const line = (level: string) => (_fields: object, text: string) => void logged.push(`${level} ${text}`);
  const context = {
    options: plugin.options!.parse(options),
    folder: fileURLToPath(new URL(`../../plugins/${plugin.name}`, import.meta.url)),
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    blade: (registered: Blade) => (blade = registered),
    service: () => {},
    proxyHook: () => {},
    panel: () => {},
    watch: (path: string) => void watched.push(path),
  };
  await plugin.setup(context);
  const registered = blade!;
  return {
    blade: registered,
    logged,
    watched,
    ask: async (message, signal = new AbortController().signal) =>
      registered.inspect(messageOf(message), signal),
    [Symbol.asyncDispose]: async () => registered.close?.(),
  };
}

export function messageOf(parts: Partial<MessageParts>): BladeMessage {
  const {
    direction = 'request',
    url = 'http://site.example/',
    headers = [],
    status = 200,
    body = null,
  } = parts;
  const {
    method = body === null || direction === 'response' ? 'GET' : 'POST',
    user = null,
    groups = [],
  } = parts;
  const own = [...headers];
  const version = '1.1';
  const field = (name: string): string | undefined =>
    own.find((_, i) => i % 2 === 1 && own[i - 1]!.toLowerCase() === name.toLowerCase());
  return {
    direction,
    method,
    url,
    request: { method, target: url, version, headers: direction === 'request' ? own : [] },
    response: direction === 'response' ? { version, status, reason: '', headers: own } : null,
    client: { ip: '192.0.2.1', user, groups },
    server: { ip: null },
    body: body === null ? null : bodyOf(body),
    header: field,
  };
}

function bodyOf(body: Buffer | string): BladeBody {
  return typeof body === 'string'
    ? { size: statSync(body).size, memory: null, file: body, stream: () => createReadStream(body) }
    : {
        size: body.length,
        memory: body,
        file: null,
        stream: () => Readable.from([body], { objectMode: false }),
      };
}

/** The first YAML block of a page of docs/. */
export async function configurationOf(page: string): Promise<Record<string, unknown>> {
  const text = await readFile(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  return parse(/```yaml\n([\s\S]*?)```/.exec(text)![1]!) as Record<string, unknown>;
}

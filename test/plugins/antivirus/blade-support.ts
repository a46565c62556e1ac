// Sets up the anti-virus blade as the gateway does, and makes the messages that it inspects.

import { statSync, createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import antivirus from '../../../plugins/antivirus/index.ts';
import type { Blade, BladeBody, BladeMessage, Verdict } from '../../../src/plugin/api.ts';

export const PLUGIN_FOLDER = fileURLToPath(new URL('../../../plugins/antivirus', import.meta.url));

export interface TestBlade extends AsyncDisposable {
  readonly blade: Blade;
  readonly warnings: string[];
  /** Paths that the plugin asked to be watched. */
  readonly watched: readonly string[];
  /** Inspects a body in memory, or in the file of that path. */
  inspect(body: Buffer | string, headers?: Record<string, string>, signal?: AbortSignal): Promise<Verdict>;
}

/** Runs the plugin's `setup` with options as they would stand in the configuration. */
export async function antivirusBlade(options: object = {}): Promise<TestBlade> {
  let blade: Blade | undefined;
  const warnings: string[] = [];
  const watched: string[] = [];
  await antivirus.setup({
    options: antivirus.options!.parse(options),
    folder: PLUGIN_FOLDER,
    log: {
      debug: () => {},
      info: () => {},
      warn: (_fields, text) => warnings.push(text),
      error: (_fields, text) => warnings.push(text),
    },
    blade: (registered) => (blade = registered),
    service: () => {},
    proxyHook: () => {},
    panel: () => {},
    watch: (path) => void watched.push(path),
  });
  const registered = blade!;
  return {
    blade: registered,
    warnings,
    watched,
    inspect: async (body, headers = {}, signal = new AbortController().signal) =>
      registered.inspect(message(body, headers), signal),
    [Symbol.asyncDispose]: async () => registered.close?.(),
  };
}

/** A response with that body, in memory or in a file. */
export function message(body: Buffer | string | null, headers: Record<string, string> = {}): BladeMessage {
  const fields = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    direction: 'response',
    method: 'GET',
    url: 'http://site.example/file',
    request: null,
    response: null,
    client: { ip: null, user: null, groups: [] },
    server: { ip: null },
    body: body === null ? null : bodyOf(body),
    header: (name) => fields.get(name.toLowerCase()),
  };
}

function bodyOf(body: Buffer | string): BladeBody {
  return typeof body === 'string'
    ? { size: statSync(body).size, memory: null, file: body, stream: () => createReadStream(body) }
    : {
        size: body.length,
        memory: body,
        file: null,
        stream: () => Readable.from(pieces(body), { objectMode: false }),
      };
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

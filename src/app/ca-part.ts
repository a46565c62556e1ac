// The certificate authority of the proxy, read anew at each reload. Leafs that were minted stay as long as
// it is the same one. When another one waits to take over, its day is watched for here.

import { readFile } from 'node:fs/promises';

import { CertificateAuthority } from '../ca/authority.ts';
import { LeafContexts } from '../ca/leaf-cache.ts';
import { LeafKeys } from '../ca/leaf-keys.ts';
import { LeafStore } from '../ca/leaf-store.ts';
import { parsePermitted } from '../ca/name-constraints.ts';
import { nextCa } from '../ca/rotation.ts';
import type { CaConfig } from '../config/types.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { sortedJson } from '../util/sorted-json.ts';
import type { CaPart } from './running.ts';

const MAX_LEAFS = 5_000;
const MAX_PASSPHRASE_FILE = 64 * 1024; // bytes
const MAX_TIMER_MS = 24 * 3_600_000; // a longer wait is cut into pieces, so that a changed clock is noticed

/** What `proxy.certs` and `proxy.ca` say. */
export interface CaSource {
  readonly certs: string;
  readonly ca: CaConfig;
}

export type Warn = (message: string) => void;

/**
 * Reads the authority of a folder; in a folder that was not in use before it is made if it is not there.
 * @param before  what is in force, or null at the start
 * @throws {TlsError} `ERR_CA_UNREADABLE`, also when the files in use have gone; `ERR_CA_INVALID`,
 *         `ERR_CA_PASSPHRASE`
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`: the file of the passphrase
 */
export async function loadCa(source: CaSource, before: CaPart | null, warn: Warn): Promise<CaPart> {
  const { certs: folder, ca: options } = source;
  const passphrase = await readPassphrase(options.passphraseFile, process.env);
  const { ca, created } =
    before?.folder === folder
      ? { ca: await CertificateAuthority.load(folder, { passphrase }), created: false }
      : await CertificateAuthority.loadOrCreate(folder, {
          passphrase,
          keyType: options.keyType,
          permitted: options.nameConstraints.length === 0 ? null : parsePermitted(options.nameConstraints),
        });
  const key = sortedJson([folder, options.wildcards, options.keepLeafs, ca.fingerprint256]);
  const activation = await nextCa(folder);
  const facts = { folder, key, authority: ca, created, nextActiveFrom: activation?.activeFrom ?? null };
  if (before?.key === key) return { ...before, ...facts, created: before.created };
  const max = MAX_LEAFS;
  const wildcards = options.wildcards;
  if (!options.keepLeafs) return { ...facts, contexts: new LeafContexts(ca, { max, wildcards }) };
  const keys = await LeafKeys.open({ folder, passphrase, warn });
  const store = await LeafStore.open({ folder, caFingerprint: ca.fingerprint256, max, warn });
  return { ...facts, contexts: new LeafContexts(ca, { max, wildcards, keys, store }) };
}

/**
 * The passphrase of ca.key; null where none is configured.
 * @param file  of the configuration; without one `WEIR_CA_PASSPHRASE` of the environment counts
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`
 */
export async function readPassphrase(file: string | null, env: NodeJS.ProcessEnv): Promise<string | null> {
  if (file === null) return env['WEIR_CA_PASSPHRASE'] || null;
  try {
    const text = await readFile(file, 'utf8');
    if (text.length > MAX_PASSPHRASE_FILE) throw new Error(`has more than ${MAX_PASSPHRASE_FILE} bytes`);
    const line = text.split(/\r?\n/, 1)[0]!;
    if (line === '') throw new Error('is empty');
    return line;
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `passphrase file: ${file}: ${messageOf(error)}`, {
      path: file,
    });
  }
}

/** Calls back on the day on which another CA takes over. */
export class RotationTimer {
  readonly #due: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(due: () => void) {
    this.#due = due;
  }

  /** @param at  milliseconds since the epoch; null: never */
  set(at: number | null): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (at === null) return;
    const wait = Math.max(0, at - Date.now());
    const fire = (): void => (wait > MAX_TIMER_MS ? this.set(at) : this.#due());
    this.#timer = setTimeout(fire, Math.min(wait, MAX_TIMER_MS) + 1).unref();
  }
}

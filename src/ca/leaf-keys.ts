// The private keys of leafs: one for all leafs of a kind, never the CA's, which would then take part in
// every handshake and could not be exchanged. They are kept beside the CA so that leafs outlive a restart,
// and replaced now and then. RSA is for clients that know nothing else; its key is made when the first such
// client comes.

import { createPublicKey, generateKeyPair, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { messageOf } from '../errors.ts';
import { parseKey } from './examine.ts';
import { readIfThere, replaceFile } from './files.ts';
import type { LeafKey } from './leaf.ts';
import { DAY_MS, keyText } from './root.ts';

export type LeafKind = 'ec' | 'rsa';

const MAX_AGE_MS = 90 * DAY_MS; // then a new key takes its place at the next start
const RSA_BITS = 2048;
const CURVE = 'prime256v1'; // as OpenSSL calls P-256

const generate = promisify(generateKeyPair);

export interface KeptKeys {
  readonly folder: string;
  /** Protects the files; null: nothing does but their mode, 0600. */
  readonly passphrase: string | null;
  /** Told when a file cannot be used or written; the keys are then of this process alone. */
  warn(message: string): void;
}

export class LeafKeys {
  readonly ec: LeafKey;
  #rsa: LeafKey | Promise<LeafKey> | null;
  readonly #kept: KeptKeys | null;

  private constructor(ec: LeafKey, rsa: LeafKey | null, kept: KeptKeys | null) {
    this.ec = ec;
    this.#rsa = rsa;
    this.#kept = kept;
  }

  /** Keys of this process alone. @param ec  default a new one */
  static unkept(ec: LeafKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })): LeafKeys {
    return new LeafKeys(ec, null, null);
  }

  /** Loads the keys of a folder, and makes the EC key if there is none that can be used. Never rejects. */
  static async open(kept: KeptKeys): Promise<LeafKeys> {
    const rsa = await load(kept, 'rsa');
    const found = await load(kept, 'ec');
    if (found !== null) return new LeafKeys(found, rsa, kept);
    const ec = await generate('ec', { namedCurve: 'P-256' });
    await keep(kept, 'ec', ec.privateKey);
    return new LeafKeys(ec, rsa, kept);
  }

  /** The RSA key; a promise until it is there (0.1 to 0.5 s, off the event loop), one for all who ask. */
  get rsa(): LeafKey | Promise<LeafKey> {
    return (this.#rsa ??= this.#makeRsa());
  }

  async #makeRsa(): Promise<LeafKey> {
    const made = await generate('rsa', { modulusLength: RSA_BITS });
    this.#rsa = made;
    if (this.#kept !== null) await keep(this.#kept, 'rsa', made.privateKey);
    return made;
  }
}

const pathOf = ({ folder }: KeptKeys, kind: LeafKind): string => join(folder, `leaf-${kind}.key`);

/** Null where there is no such file, where it is too old, or where it is not such a key (with a warning). */
async function load(kept: KeptKeys, kind: LeafKind): Promise<LeafKey | null> {
  const path = pathOf(kept, kind);
  try {
    const text = await readIfThere(path);
    if (text === null || Date.now() - (await stat(path)).mtimeMs > MAX_AGE_MS) return null;
    const privateKey = parseKey(text, path, kept.passphrase);
    const { namedCurve, modulusLength } = privateKey.asymmetricKeyDetails ?? {};
    if (kind === 'ec' ? namedCurve !== CURVE : modulusLength !== RSA_BITS)
      throw new Error('another kind of key');
    return { privateKey, publicKey: createPublicKey(privateKey) };
  } catch (error) {
    kept.warn(`${path} cannot be used, a new key takes its place: ${messageOf(error)}`);
    return null;
  }
}

async function keep(kept: KeptKeys, kind: LeafKind, key: KeyObject): Promise<void> {
  const path = pathOf(kept, kind);
  try {
    await replaceFile(path, keyText(key, kept.passphrase), 0o600);
  } catch (error) {
    kept.warn(`${path} cannot be written, leafs will not outlive this process: ${messageOf(error)}`);
  }
}

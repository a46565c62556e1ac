// Reads certificate revocation lists, of files and of what certificates point to. A list counts for the
// certificates of the CA that has signed it, until its next update. Partial and indirect lists are passed
// over. Long ones are read in slices, so that nothing else has to wait. RFC 5280 §5.

import type { X509Certificate } from 'node:crypto';
import { bitsOf, DerReader, dotted, TAG, timeOf } from '../../ca/der-reader.ts';
import { certificateParts, EXTENSION, extensionOf } from '../../ca/extensions.ts';
import { isSignedBy } from './verification-signature.ts';

export const MAX_CRL = 16 * 1024 * 1024; // bytes
const SLICE = 2_000; // entries read at a time
const CLOCK_MS = 300_000;
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';
const INDIRECT = 0x84; // of the distribution point's fields

export class RevocationList {
  /** Name of the CA, DER in latin-1. */
  readonly issuer: string;
  /** Milliseconds since the epoch; Infinity where the list does not say. */
  readonly nextUpdate: number;
  readonly #thisUpdate: number;
  readonly #serials: ReadonlySet<string>;
  readonly #signed: { readonly tbs: Buffer; readonly algorithm: Buffer; readonly signature: Buffer };
  /** Fingerprint of the CA whose signature was checked, and the outcome. */
  #checked: { readonly by: string; readonly valid: boolean } | null = null;

  private constructor(
    head: { issuer: string; thisUpdate: number; nextUpdate: number },
    serials: ReadonlySet<string>,
    signed: { tbs: Buffer; algorithm: Buffer; signature: Buffer },
  ) {
    this.issuer = head.issuer;
    this.#thisUpdate = head.thisUpdate;
    this.nextUpdate = head.nextUpdate;
    this.#serials = serials;
    this.#signed = signed;
  }

  /**
   * @param bytes  DER, or PEM with one list
   * @returns null for anything that is no complete list of one CA. Never rejects
   */
  static async read(bytes: Buffer): Promise<RevocationList | null> {
    try {
      const outer = new DerReader(derOf(bytes)).inside();
      const tbs = outer.next(TAG.sequence);
      const algorithm = outer.next(TAG.sequence).raw;
      const signature = bitsOf(outer.next(TAG.bitString));
      const fields = new DerReader(tbs.content);
      fields.optional(TAG.integer); // version
      fields.next(TAG.sequence); // algorithm
      const issuer = fields.next(TAG.sequence).raw.toString('latin1');
      const thisUpdate = timeOf(fields.next());
      const hasNext = fields.tag === TAG.utcTime || fields.tag === TAG.generalizedTime;
      const nextUpdate = hasNext ? timeOf(fields.next()) : Infinity;
      const entries = fields.optional(TAG.sequence);
      const extensions = fields.optional(0xa0);
      if (extensions !== null && !isComplete(extensions.content)) return null;
      const serials = await serialsOf(entries?.content ?? Buffer.alloc(0));
      return new RevocationList({ issuer, thisUpdate, nextUpdate }, serials, {
        tbs: tbs.raw,
        algorithm,
        signature,
      });
    } catch {
      return null;
    }
  }

  /** How many certificates it names. */
  get size(): number {
    return this.#serials.size;
  }

  /**
   * Whether the list says that a certificate of this CA is revoked.
   * @returns null where the list does not count: not signed by this CA, or out of date
   */
  async revokes(
    certificate: X509Certificate,
    ca: X509Certificate,
    now = Date.now(),
  ): Promise<boolean | null> {
    if (!(this.#thisUpdate <= now + CLOCK_MS && now <= this.nextUpdate + CLOCK_MS)) return null;
    if (this.#checked?.by !== ca.fingerprint256) {
      const { tbs, algorithm, signature } = this.#signed;
      const valid = await isSignedBy(ca.publicKey, algorithm, tbs, signature);
      this.#checked = { by: ca.fingerprint256, valid };
    }
    if (!this.#checked.valid) return null;
    return this.#serials.has(certificateParts(certificate).serial.toString('latin1'));
  }
}

function derOf(bytes: Buffer): Buffer {
  if (bytes[0] === TAG.sequence) return bytes;
  const match = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/.exec(bytes.toString('latin1'));
  if (match === null) throw new RangeError('neither DER nor PEM');
  return Buffer.from(match[1]!, 'base64');
}

async function serialsOf(content: Buffer): Promise<ReadonlySet<string>> {
  const serials = new Set<string>();
  const list = new DerReader(content);
  for (let read = 1; !list.done; read++) {
    serials.add(list.inside().next(TAG.integer).content.toString('latin1'));
    if (read % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return serials;
}

/** False for lists of changes, of other CAs' certificates, or with a rule that is not known here. */
function isComplete(content: Buffer): boolean {
  const list = new DerReader(content).inside();
  while (!list.done) {
    const entry = list.inside();
    const id = dotted(entry.next(TAG.objectIdentifier).content);
    const critical = entry.optional(TAG.boolean)?.content[0] === 0xff;
    const value = entry.next(TAG.octetString).content;
    if (id === ISSUING_DISTRIBUTION_POINT) {
      const fields = new DerReader(value).inside().rest();
      if (fields.some(({ tag, content: flag }) => tag === INDIRECT && flag[0] !== 0)) return false;
    } else if (critical) return false;
  }
  return true;
}

const MAX_URLS = 4;

/** http URLs of the lists that a certificate names (§4.2.1.13). */
export function distributionPoints(certificate: X509Certificate): string[] {
  const value = extensionOf(certificate, EXTENSION.crlDistributionPoints);
  if (value === null) return [];
  const urls: string[] = [];
  try {
    const points = new DerReader(value).inside();
    while (!points.done && urls.length < MAX_URLS) {
      const point = points.inside();
      const names = point.optional(0xa0);
      if (names === null) continue;
      const full = new DerReader(names.content).optional(0xa0);
      for (const { tag, content } of full === null ? [] : new DerReader(full.content).rest()) {
        const url = content.toString('latin1');
        if (tag === 0x86 && /^http:\/\//i.test(url)) urls.push(url);
      }
    }
  } catch {
    // Malformed: it points nowhere.
  }
  return urls.slice(0, MAX_URLS);
}

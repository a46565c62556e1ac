// Recognises passages of protected documents: winnowing (Schleimer, Wilkerson, Aiken 2003) over letters and
// digits alone, so that neither layout nor spelling of case and blanks matters. A fingerprint tells nothing
// of the text that it was made of.

const GRAM = 40; // letters and digits that one hash is made of: shorter passages are not recognised
const WINDOW = 24; // of so many hashes in a row the least is kept: one in 12.5 on average
const BASE = 0x01000193;

/** Largest of one document, and of all. */
export const MAX_FINGERPRINTS = 2_000_000;

const LEADING = power(BASE, GRAM - 1);

/** Gives each kept hash of text that comes in pieces to `keep`. */
export function winnower(keep: (hash: number) => void): { push(text: string): void } {
  const gram = new Uint16Array(GRAM);
  const hashes = new Uint32Array(WINDOW);
  let read = 0;
  let hash = 0;
  let made = 0;
  let least = -1; // number of the kept hash

  const add = (code: number): void => {
    const slot = read % GRAM;
    if (read >= GRAM) hash = (hash - Math.imul(gram[slot]!, LEADING)) | 0;
    gram[slot] = code;
    hash = (Math.imul(hash, BASE) + code) | 0;
    read += 1;
    if (read >= GRAM) choose(mix(hash));
  };
  const choose = (value: number): void => {
    const number = made;
    made += 1;
    hashes[number % WINDOW] = value;
    if (number < WINDOW - 1) return;
    if (least > number - WINDOW && value > hashes[least % WINDOW]!) return;
    let best = number;
    for (let i = number - 1; i > number - WINDOW; i -= 1) {
      if (hashes[i % WINDOW]! < hashes[best % WINDOW]!) best = i;
    }
    if (best === least) return;
    least = best;
    keep(hashes[best % WINDOW]!);
  };
  return {
    push(text) {
      for (const { 0: word } of text.matchAll(/[\p{L}\p{N}]+/gu)) {
        const lower = word.toLowerCase();
        for (let i = 0; i < lower.length; i += 1) add(lower.charCodeAt(i));
      }
    },
  };
}

export interface ProtectedDocument {
  readonly name: string;
  readonly hashes: Uint32Array;
}

/** What fingerprint files say, for look-ups. */
export class FingerprintIndex {
  readonly names: readonly string[];
  /** Fingerprints of each document. */
  readonly sizes: readonly number[];
  readonly #hashes: Uint32Array;
  readonly #documents: Uint32Array;

  constructor(documents: readonly ProtectedDocument[]) {
    this.names = documents.map(({ name }) => name);
    this.sizes = documents.map(({ hashes }) => new Set(hashes).size);
    const all = documents.flatMap(({ hashes }, document) =>
      Array.from(new Set(hashes), (hash) => ({ hash, document })),
    );
    all.sort((a, b) => a.hash - b.hash);
    this.#hashes = Uint32Array.from(all, ({ hash }) => hash);
    this.#documents = Uint32Array.from(all, ({ document }) => document);
  }

  get size(): number {
    return this.#hashes.length;
  }

  /** Calls `found` with the number of each document that has the hash. */
  find(hash: number, found: (document: number) => void): void {
    let [low, high] = [0, this.#hashes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#hashes[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    for (; this.#hashes[low] === hash; low += 1) found(this.#documents[low]!);
  }
}

export class FingerprintScanner {
  readonly #index: FingerprintIndex;
  readonly #min: number;
  /** Hashes found of each document. */
  readonly #found = new Map<number, Set<number>>();
  readonly #paths = new Map<number, string>();

  /** @param min fingerprints of one document that it takes; of a short one four fifths of what it has */
  constructor(index: FingerprintIndex, min: number) {
    this.#index = index;
    this.#min = min;
  }

  reader(path: string): { push(text: string): void; end(): void } {
    const { push } = winnower((hash) =>
      this.#index.find(hash, (document) => this.#count(document, hash, path)),
    );
    return { push, end: () => {} };
  }

  /** Documents of which enough was found. */
  get recognised(): { readonly name: string; readonly path: string }[] {
    return [...this.#found]
      .filter(
        ([document, hashes]) =>
          hashes.size >= Math.min(this.#min, Math.ceil(0.8 * this.#index.sizes[document]!)),
      )
      .map(([document]) => ({ name: this.#index.names[document]!, path: this.#paths.get(document)! }));
  }

  #count(document: number, hash: number, path: string): void {
    let hashes = this.#found.get(document);
    if (hashes === undefined) {
      this.#found.set(document, (hashes = new Set()));
      this.#paths.set(document, path);
    }
    hashes.add(hash);
  }
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let i = 0; i < exponent; i += 1) result = Math.imul(result, base);
  return result;
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

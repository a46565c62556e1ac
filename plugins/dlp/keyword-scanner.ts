// Finds words and phrases in text that comes in pieces, and says which lists of them have reached their
// threshold, over all of the message or close together. One pass whatever the number of words.

/** A list of words. */
export interface KeywordList {
  readonly name: string;
  readonly words: readonly string[];
  /** Hits that it takes. */
  readonly min: number;
  /** All of them within so many characters; null: anywhere in the message. */
  readonly within: number | null;
  /** Hits are different words. */
  readonly distinct: boolean;
}

interface Phrase {
  readonly list: number;
  readonly id: number;
  /** Words from the last to the first, lower case. */
  readonly backwards: readonly string[];
}

interface Hit {
  readonly id: number;
  readonly at: number;
}

const WORD = /[\p{L}\p{N}_]+/gu;
const MAX_PHRASE = 16; // words
const MAX_WORD = 256; // characters; longer runs are cut, since no list has such words

export class KeywordScanner {
  /** Names of the lists that have reached their threshold, and where they did. */
  readonly reached = new Map<string, { readonly path: string; readonly hits: number }>();
  readonly #lists: readonly KeywordList[];
  readonly #byLastWord: ReadonlyMap<string, readonly Phrase[]>;
  readonly #hits: Hit[][];
  #offset = 0;

  constructor(lists: readonly KeywordList[]) {
    this.#lists = lists;
    this.#hits = lists.map(() => []);
    this.#byLastWord = indexOf(lists);
  }

  reader(path: string): { push(text: string): void; end(): void } {
    let held = '';
    let recent: string[] = [];
    for (const hits of this.#hits.filter((_, i) => this.#lists[i]!.within !== null)) hits.length = 0;
    const scan = (text: string): void => {
      for (const match of text.matchAll(WORD)) {
        const word = match[0].toLowerCase();
        recent.push(word);
        if (recent.length > 4 * MAX_PHRASE) recent = recent.slice(-MAX_PHRASE);
        for (const phrase of this.#byLastWord.get(word) ?? []) {
          if (!endsWith(recent, phrase.backwards)) continue;
          this.#hit(phrase, this.#offset + match.index, path);
        }
      }
      this.#offset += text.length;
    };
    return {
      push(text) {
        const all = held + text;
        const open = /[\p{L}\p{N}_]{0,256}$/u.exec(all.slice(-MAX_WORD))![0].length;
        held = open === 0 ? '' : all.slice(-open);
        scan(open === 0 ? all : all.slice(0, -open));
      },
      end: () => scan(held),
    };
  }

  #hit(phrase: Phrase, at: number, path: string): void {
    const { name, min, within, distinct } = this.#lists[phrase.list]!;
    if (this.reached.has(name)) return;
    const hits = this.#hits[phrase.list]!;
    if (within !== null) while (hits.length > 0 && at - hits[0]!.at > within) hits.shift();
    if (distinct) {
      const same = hits.findIndex(({ id }) => id === phrase.id);
      if (same >= 0) hits.splice(same, 1); // the later one is closer to what comes
    }
    hits.push({ id: phrase.id, at });
    if (hits.length >= min) this.reached.set(name, { path, hits: hits.length });
  }
}

function endsWith(words: readonly string[], backwards: readonly string[]): boolean {
  return backwards.every((word, i) => words[words.length - 1 - i] === word);
}

/** Lists are indexed once, not for each message. */
const indexes = new WeakMap<readonly KeywordList[], Map<string, Phrase[]>>();

function indexOf(lists: readonly KeywordList[]): ReadonlyMap<string, readonly Phrase[]> {
  const known = indexes.get(lists);
  if (known !== undefined) return known;
  const index = new Map<string, Phrase[]>();
  let id = 0;
  for (const [list, { words }] of lists.entries()) {
    for (const text of words) {
      const backwards = (text.toLowerCase().match(WORD) ?? []).slice(0, MAX_PHRASE).reverse();
      const last = backwards[0];
      if (last === undefined) continue;
      const phrase: Phrase = { list, id: (id += 1), backwards };
      const same = index.get(last);
      if (same === undefined) index.set(last, [phrase]);
      else same.push(phrase);
    }
  }
  indexes.set(lists, index);
  return index;
}

// AdBlock's patterns that are more than a domain: parts of URLs with `*` (anything), `^` (a separator, or
// the end), `||` (begins at the host or at a label of it) and `|` (begins or ends here). Matched by hand,
// since regular expressions made of thousands of foreign lines can be slow in ways nobody foresees. Each
// pattern waits under one word that a URL must have, so that few are tried.

const MAX_URL = 4096; // characters that are compared

interface Pattern {
  readonly list: number;
  readonly start: 'anywhere' | 'url' | 'label';
  readonly toEnd: boolean;
  /** Texts between the asterisks, in order; `^` stands in them. */
  readonly parts: readonly string[];
}

/** A URL in pieces, lower case. */
export interface LowerUrl {
  readonly text: string;
  readonly hostStart: number;
  readonly hostEnd: number;
}

export class PatternSet {
  readonly #byWord = new Map<string, Pattern[]>();
  readonly #others: Pattern[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param text lower case, as the list has it */
  add(list: number, text: string): void {
    const start = text.startsWith('||') ? 'label' : text.startsWith('|') ? 'url' : 'anywhere';
    const toEnd = text.endsWith('|') && text.length > 2;
    const bare = text.slice(start === 'label' ? 2 : start === 'url' ? 1 : 0, toEnd ? -1 : undefined);
    const parts = bare.split('*').filter((part, i, all) => part !== '' || i === 0 || i === all.length - 1);
    const pattern: Pattern = { list, start, toEnd, parts };
    const word = requiredWord(bare, start !== 'anywhere', toEnd);
    const same = word === null ? this.#others : this.#byWord.get(word);
    if (same === undefined) this.#byWord.set(word!, [pattern]);
    else same.push(pattern);
    this.#size += 1;
  }

  /** Adds the numbers of the lists that have a pattern which the URL matches. */
  find(url: LowerUrl, found: Set<number>): void {
    if (this.#size === 0) return;
    const cut = url.text.length > MAX_URL ? { ...url, text: url.text.slice(0, MAX_URL) } : url;
    const tryAll = (patterns: readonly Pattern[] | undefined): void => {
      for (const pattern of patterns ?? []) {
        if (!found.has(pattern.list) && matches(pattern, cut)) found.add(pattern.list);
      }
    };
    tryAll(this.#others);
    for (const [word] of cut.text.matchAll(/[a-z0-9%]{3,}/g)) tryAll(this.#byWord.get(word));
  }
}

/** The longest run of word characters that stands in a URL as a whole word wherever the pattern matches. */
function requiredWord(bare: string, startFixed: boolean, endFixed: boolean): string | null {
  let best: string | null = null;
  for (const match of bare.matchAll(/[a-z0-9%]{3,}/g)) {
    const end = match.index + match[0].length;
    const opens = match.index === 0 ? startFixed : bare[match.index - 1] !== '*';
    const closes = end === bare.length ? endFixed : bare[end] !== '*';
    if (opens && closes && match[0].length > (best?.length ?? 0)) best = match[0];
  }
  return best;
}

function matches(pattern: Pattern, { text, hostStart, hostEnd }: LowerUrl): boolean {
  if (pattern.start === 'url') return matchFrom(pattern, text, 0);
  if (pattern.start === 'anywhere') {
    for (let at = 0; at <= text.length; at += 1) {
      at = findPart(pattern.parts[0]!, text, at);
      if (at < 0) return false;
      if (matchFrom(pattern, text, at)) return true;
      if (!pattern.toEnd || pattern.parts.length > 1) return false; // later starts cannot do better
    }
    return false;
  }
  for (let at = hostStart; at < hostEnd; at += 1) {
    if ((at === hostStart || text[at - 1] === '.') && matchFrom(pattern, text, at)) return true;
  }
  return false;
}

/** Leftmost match of each part in turn; the last one at the end where the pattern says so. */
function matchFrom({ parts, toEnd }: Pattern, text: string, from: number): boolean {
  let at = from;
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1;
    if (i > 0 && last && toEnd) {
      at = Math.max(at, text.length - part.length);
      const found = findPart(part, text, at);
      return found >= 0 && partEnd(part, text, found) === text.length;
    }
    if (i > 0) at = findPart(part, text, at);
    const end = at < 0 ? -1 : partEnd(part, text, at);
    if (end < 0) return false;
    at = end;
  }
  return !toEnd || at === text.length;
}

function findPart(part: string, text: string, from: number): number {
  if (!part.includes('^')) return text.indexOf(part, from);
  for (let at = from; at <= text.length; at += 1) if (partEnd(part, text, at) >= 0) return at;
  return -1;
}

/** Where the part ends that begins at `at`, or -1. */
function partEnd(part: string, text: string, at: number): number {
  for (let i = 0; i < part.length; i += 1) {
    const wanted = part[i]!;
    const have = text[at + i];
    if (wanted === '^') {
      if (have === undefined) return i === part.length - 1 ? text.length : -1;
      if (/[a-z0-9_.%-]/.test(have)) return -1;
    } else if (have !== wanted) return -1;
  }
  return at + part.length;
}

// Folds the string expressions of Visual Basic: joined pieces, Chr, StrReverse, Replace, constants and
// variables that are built up line by line. What a macro hides from readers shows in the results.
// No interpreter: control flow is not followed, an assignment holds from its line on.

const MAX_LINES = 20_000;
const MAX_VALUE = 64 * 1024; // characters of one value
const MAX_VALUES = 4000;
const MAX_DEPTH = 24;

export interface FoldedStrings {
  /** Values that literals alone do not show, in order of the lines. */
  readonly values: readonly string[];
  /** Calls of Chr and its kind, StrReverse and the like that were folded. */
  readonly disguises: number;
}

/** Folds what can be folded; never throws. */
export function foldStrings(source: string): FoldedStrings {
  const variables = new Map<string, string>();
  const values: string[] = [];
  let disguises = 0;
  const joined = source.replace(/[ \t]_\r?\n[ \t]*/g, ' ');
  for (const line of joined.split(/\r?\n|:(?=\s*\w+\s*=)/).slice(0, MAX_LINES)) {
    if (values.length >= MAX_VALUES) break;
    if (/^\s*(?:'|rem\s)/i.test(line)) continue;
    const assignment =
      /^\s*(?:(?:public|private|global)\s+)?(?:const\s+|let\s+)?(\w+)(?:\s+as\s+string)?[$]?\s*=\s*(?!=)(.+)$/i.exec(
        line,
      );
    const reader = new ExpressionReader(assignment?.[2] ?? line, variables);
    if (assignment !== null) {
      const value = reader.expression(0);
      if (value !== null) variables.set(assignment[1]!.toLowerCase(), value.slice(0, MAX_VALUE));
      if (value !== null && value.length > 3) values.push(value);
    }
    // Arguments of calls are expressions too.
    for (const found of expressionsIn(line, variables)) if (found.length > 3) values.push(found);
    disguises += (line.match(/\bchr[wb]?\$?\s*\(|\bstrreverse\s*\(|\breplace\s*\(\s*"/gi) ?? []).length;
  }
  for (const value of variables.values()) if (value.length > 3) values.push(value);
  return { values: [...new Set(values)], disguises };
}

/** Each maximal joined expression of the line that starts with a literal, a call that folds or a known name. */
function* expressionsIn(line: string, variables: ReadonlyMap<string, string>): Generator<string> {
  const starts = /"|\b(?:chr[wb]?|strreverse|replace|mid|left|right|lcase|ucase|trim)\$?\s*\(|\b\w+\s*&/gi;
  let until = 0;
  for (const match of line.matchAll(starts)) {
    if (match.index < until) continue;
    const reader = new ExpressionReader(line.slice(match.index), variables);
    const value = reader.expression(0);
    until = match.index + Math.max(reader.at, 1);
    if (value !== null) yield value;
  }
}

class ExpressionReader {
  at = 0;
  readonly #text: string;
  readonly #variables: ReadonlyMap<string, string>;

  constructor(text: string, variables: ReadonlyMap<string, string>) {
    this.#text = text;
    this.#variables = variables;
  }

  /** Terms joined by `&` or `+`; unknown terms count as nothing. Null where nothing at all is known. */
  expression(depth: number): string | null {
    if (depth > MAX_DEPTH) return null;
    let value: string | null = null;
    for (;;) {
      const term = this.#term(depth);
      if (term !== null) value = (value ?? '') + term;
      this.#space();
      const operator = this.#text[this.at];
      if (operator !== '&' && operator !== '+') return value;
      this.at += 1;
      if ((value?.length ?? 0) > MAX_VALUE) return value;
    }
  }

  #term(depth: number): string | null {
    this.#space();
    const rest = this.#text.slice(this.at);
    const literal = /^"((?:[^"]|"")*)"/.exec(rest);
    if (literal !== null) {
      this.at += literal[0].length;
      return literal[1]!.replaceAll('""', '"');
    }
    if (rest[0] === '(') {
      this.at += 1;
      const value = this.expression(depth + 1);
      this.#skip(')');
      return value;
    }
    const call = /^([\w.]+)\$?\s*(\()?/.exec(rest);
    if (call === null) return null;
    this.at += call[0].length;
    const name = call[1]!.toLowerCase();
    if (call[2] === undefined) return this.#variables.get(name) ?? null;
    return this.#call(name, depth);
  }

  #call(name: string, depth: number): string | null {
    if (/^chr[wb]?$/.test(name)) {
      const end = this.#text.indexOf(')', this.at);
      const sum = end < 0 ? null : arithmetic(this.#text.slice(this.at, end));
      this.at = end < 0 ? this.#text.length : end + 1;
      return sum === null ? null : String.fromCharCode(sum & 0xffff);
    }
    const args: (string | null)[] = [];
    for (;;) {
      const start = this.at;
      args.push(this.expression(depth + 1));
      this.#space();
      if (this.#text[this.at] === ',') this.at += 1;
      else break;
      if (this.at === start || args.length > 20) break;
    }
    this.#skip(')');
    const [first = null, second = null, third = null] = args;
    if (first === null) return null;
    if (name === 'strreverse') return [...first].reverse().join('');
    if (name === 'replace' && second !== null && second !== '') return first.replaceAll(second, third ?? '');
    if (name === 'lcase') return first.toLowerCase();
    if (name === 'ucase') return first.toUpperCase();
    if (name === 'trim' || name === 'cstr') return first;
    if (name === 'split' || name === 'join') return first;
    return first; // a decoder of its own: at least what it is given
  }

  #space(): void {
    while (/\s/.test(this.#text[this.at] ?? '')) this.at += 1;
  }

  #skip(character: string): void {
    this.#space();
    if (this.#text[this.at] === character) this.at += 1;
  }
}

/** Whole numbers with + - * /, `&H..` for hexadecimal; null for anything else. */
function arithmetic(text: string): number | null {
  const tokens = text.match(/&h[0-9a-f]+|\d+|[-+*/]/gi);
  if (tokens === null || text.replace(/&h[0-9a-f]+|[\d\s()+*/-]/gi, '') !== '') return null;
  let total = 0;
  let operator = '+';
  for (const token of tokens) {
    if (/^[-+*/]$/.test(token)) {
      operator = token;
      continue;
    }
    const value = /^&h/i.test(token) ? parseInt(token.slice(2), 16) : Number(token);
    if (operator === '+') total += value;
    else if (operator === '-') total -= value;
    else if (operator === '*') total *= value;
    else total = value === 0 ? 0 : Math.trunc(total / value);
    operator = '+';
  }
  return total;
}

// Splits VBScript and VBA into tokens: continued lines, comments, literals of all kinds and names without
// regard to case. What the tokens mean is the translator's business.

export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'operator' | 'end';
  /** Names in lower case; numbers as JavaScript; `:` or `\n` for ends of statements. */
  readonly value: string;
  readonly line: number;
  /** Whether white space stands before it. */
  readonly spaced: boolean;
}

/** Why a source could not be translated; `line` counts from 1. */
export class UntranslatableError extends Error {
  readonly line: number;

  constructor(line: number, reason: string) {
    super(`line ${line}, ${reason}`);
    this.line = line;
  }
}

const MAX_TOKENS = 400_000;
const PIECE =
  /([ \t\f\v\xa0\0\x1a\ufeff]+)|('[^\r\n]*|rem(?=[ \t\r\n]|$)[^\r\n]*)|(\r?\n|\r|:(?!=))|"((?:[^"\r\n]|"")*)"?|&h([0-9a-f]+)&?|&o([0-7]+)&?|#([^#\r\n]{3,40})#|((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)[&%!#@]?|([\p{L}_][\p{L}\p{N}_]*|\[[^\]\r\n]*\])|(<=|>=|<>|=<|=>|:=|[-+*/\\^&=<>().,;#!])/giuy;

/** @throws {UntranslatableError} at a character that belongs to no token, or where there are too many */
export function tokens(source: string): Token[] {
  const text = source.replace(/[ \t]_[ \t]*(?:\r\n|\n|\r)/g, ' \u2028');
  const found: Token[] = [];
  let line = 1;
  let spaced = true;
  PIECE.lastIndex = 0;
  for (let at = 0; at < text.length; at = PIECE.lastIndex) {
    if (text[at] === '\u2028') {
      line += 1;
      spaced = true;
      PIECE.lastIndex = at + 1;
      continue;
    }
    PIECE.lastIndex = at;
    const match = PIECE.exec(text);
    if (match === null) throw new UntranslatableError(line, `unknown character ${JSON.stringify(text[at])}`);
    const [, space, comment, end, string, hex, octal, date, number, name, operator] = match;
    if (found.length > MAX_TOKENS) throw new UntranslatableError(line, 'too long');
    const add = (kind: Token['kind'], value: string): void => {
      found.push({ kind, value, line, spaced });
      spaced = false;
    };
    if (space !== undefined) spaced = true;
    else if (comment !== undefined) continue;
    else if (end !== undefined) {
      add('end', end === ':' ? ':' : '\n');
      if (end !== ':') line += 1;
    } else if (string !== undefined) add('string', string.replaceAll('""', '"'));
    else if (hex !== undefined) add('number', String(wrapped(parseInt(hex, 16), hex.length)));
    else if (octal !== undefined) add('number', String(parseInt(octal, 8)));
    else if (date !== undefined) add('string', date.trim());
    else if (number !== undefined) add('number', String(Number(number)));
    else if (name !== undefined) {
      const suffix = /[$%!@]/.test(text[PIECE.lastIndex] ?? '');
      if (suffix) PIECE.lastIndex += 1;
      add('name', name.replace(/^\[|\]$/g, '').toLowerCase());
    } else add('operator', operator!);
  }
  found.push({ kind: 'end', value: '\n', line, spaced });
  return found;
}

/** Hexadecimal literals are signed: of 16 bits up to four digits, of 32 bits up to eight. */
function wrapped(value: number, digits: number): number {
  if (digits <= 4) return value > 0x7fff ? value - 0x10000 : value;
  return value > 0x7fffffff ? value - 0x100000000 : value;
}

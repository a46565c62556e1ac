// Rewrites direct calls of eval, `eval(X)` to `$unlayer(eval($layer(X)))`, so that the emulator sees the
// code while eval still sees the variables around it; any other mention of eval becomes `$eval`, a function that tells
// too. Finds where X ends without parsing the language: strings, comments, templates and regular
// expressions are passed over, and a call whose end is not found is left alone.

const WORD = /(?<![\w$.#]|\$unlayer\()eval(?![\w$])/g;
const MAX_CALLS = 500;
const MAX_SOURCE = 4 * 2 ** 20; // characters

/** The code with hooks; code that has no `eval` is returned as it is. */
export function hookEval(code: string): string {
  if (!code.includes('eval') || code.length > MAX_SOURCE) return code;
  const inserts: { readonly at: number; readonly text: string; readonly cut: number }[] = [];
  let calls = 0;
  for (const match of code.matchAll(WORD)) {
    const start = match.index;
    const open = skipSpace(code, start + 4);
    if (code[open] !== '(') {
      const next = code[open];
      const before = code.slice(Math.max(0, start - 12), start);
      const isName =
        next === ':' ||
        next === '=' ||
        next === '"' ||
        next === "'" ||
        /['"]$|(?:var|let|const|function)\s+$/.test(before);
      if (!isName) inserts.push({ at: start, text: '$eval', cut: 4 });
      continue;
    }
    if (/(?:function|new)\s+$/.test(code.slice(Math.max(0, start - 12), start))) continue;
    if ((calls += 1) > MAX_CALLS) break;
    const close = closingParenthesis(code, open);
    if (close < 0 || skipSpace(code, open + 1) === close || code[skipSpace(code, close + 1)] === '{')
      continue;
    inserts.push(
      { at: start, text: '$unlayer(eval($layer(', cut: open + 1 - start },
      { at: close, text: ')))', cut: 1 },
    );
  }
  inserts.sort((a, b) => a.at - b.at);
  let result = '';
  let from = 0;
  for (const { at, text, cut } of inserts) {
    if (at < from) continue;
    result += code.slice(from, at) + text;
    from = at + cut;
  }
  return result + code.slice(from);
}

function skipSpace(code: string, at: number): number {
  while (at < code.length && /\s/.test(code[at]!)) at += 1;
  return at;
}

/** Index of the parenthesis that closes the one at `open`, or -1. */
function closingParenthesis(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    const character = code[at]!;
    if (character === '(' || character === '[' || character === '{') depth += 1;
    else if (character === ')' || character === ']' || character === '}') {
      depth -= 1;
      if (depth === 0) return character === ')' ? at : -1;
    } else if (character === '"' || character === "'" || character === '`') {
      at = stringEnd(code, at);
      if (at < 0) return -1;
    } else if (character === '/') {
      const end = slashEnd(code, at);
      if (end < 0) return -1;
      at = end;
    }
  }
  return -1;
}

/** Index of the quote that ends the string; templates with `${}` are taken as a whole, nested ones not. */
function stringEnd(code: string, start: number): number {
  const quote = code[start]!;
  for (let at = start + 1; at < code.length; at += 1) {
    if (code[at] === '\\') at += 1;
    else if (code[at] === quote) return at;
    else if (quote !== '`' && code[at] === '\n') return -1;
  }
  return -1;
}

/** End of a comment or regular expression that begins with this slash; the slash itself for a division. */
function slashEnd(code: string, at: number): number {
  if (code[at + 1] === '/') return code.indexOf('\n', at);
  if (code[at + 1] === '*') {
    const end = code.indexOf('*/', at + 2);
    return end < 0 ? -1 : end + 1;
  }
  let before = at - 1;
  while (before >= 0 && /\s/.test(code[before]!)) before -= 1;
  if (!/[(,=:[!&|?{};+\-*%~^<>]/.test(code[before] ?? '(')) return at;
  let inClass = false;
  for (let end = at + 1; end < code.length; end += 1) {
    if (code[end] === '\\') end += 1;
    else if (code[end] === '\n') return -1;
    else if (code[end] === '[') inClass = true;
    else if (code[end] === ']') inClass = false;
    else if (code[end] === '/' && !inClass) return end;
  }
  return -1;
}

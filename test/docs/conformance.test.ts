// docs/conformance.md against the tests: every rule has its row, and the tests that a row names exist and
// bear its id. Sections may be added at the end of the page; their rows are held to the same.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { ROOT } from './pages.ts';

interface Row {
  readonly id: string;
  readonly where: string;
  /** Paths below test/. */
  readonly files: readonly string[];
}

const page = readFileSync(path.join(ROOT, 'docs/conformance.md'), 'utf8');
const rows: Row[] = [...page.matchAll(/^\| ([A-Z]-\S+) \| .+ \| (.+) \| (.+) \|$/gm)].map(
  ([, id, where, tests]) => ({
    id: id!,
    where: where!,
    files: [...tests!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!),
  }),
);

/** `C-01` … for a range, with at least so many digits. */
const range = (prefix: string, from: number, to: number, digits = 2): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => prefix + String(from + at).padStart(digits, '0'));

const REQUIRED = [
  ...range('C-', 1, 28),
  ...range('C-21.', 1, 17),
  ...[...range('C-', 30, 39), ...range('C-', 40, 54), ...range('C-', 60, 68), ...range('C-', 80, 85)],
  ...[...range('C-', 90, 96), ...range('C-', 100, 101), ...range('C-', 110, 113)],
  ...range('S-', 1, 18),
  ...[100, 200, 201, 204, 206, 400, 403, 404, 405, 407, 408, 418, 500, 501, 502, 503, 505].map(
    (status) => `S-${status}`,
  ),
  ...range('S-O', 1, 13, 1),
];

/** Ids in the names of a file's tests, the rows of their tables included, or in the headings of a page. */
function idsIn(file: string): Set<string> {
  const text = readFileSync(path.join(ROOT, 'test', file), 'utf8');
  const names: string[] = [];
  if (file.endsWith('.md')) names.push(...[...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!));
  else {
    const visit = (node: ts.Node): void => {
      if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) names.push(node.text);
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  }
  return new Set(names.flatMap((name) => name.match(/\b[A-Z]-(?:O\d+|\d+(?:\.\d+)?)\b/g) ?? []));
}

test('there is one row for each rule', () => {
  const ids = rows.map(({ id }) => id);
  expect(REQUIRED.filter((id) => !ids.includes(id))).toEqual([]);
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
});

test('every table has the four columns', () => {
  const tables = page.match(/^\| id \|.*$/gm) ?? [];
  expect(new Set(tables)).toEqual(new Set(['| id | what Weir does | where | tests |']));
  const lines = page.split('\n').filter((line) => /^\| [A-Z]-/.test(line));
  expect(lines).toHaveLength(rows.length);
});

test("a rule that is not the client's alone has a test", () => {
  const bare = rows.filter(({ where, files }) => where !== 'client' && files.length === 0);
  expect(bare.map(({ id }) => id)).toEqual([]);
});

describe('the tests that are named', () => {
  const files = [...new Set(rows.flatMap((row) => row.files))].sort();

  test.each(files)('%s exists and bears the ids of its rows', (file) => {
    expect(existsSync(path.join(ROOT, 'test', file))).toBe(true);
    const found = idsIn(file);
    const wanted = rows.filter((row) => row.files.includes(file)).map(({ id }) => id);
    expect(wanted.filter((id) => !found.has(id))).toEqual([]);
  });
});

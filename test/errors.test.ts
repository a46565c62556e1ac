import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ERRORS } from '../src/errors.ts';

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8').split('\n');

/** The line of the page that an error of the table needs. */
const lineFor = (code: keyof typeof ERRORS) => {
  const { icap, http, remedy } = ERRORS[code];
  return `| \`${code}\` | ${icap} | ${http} | ${remedy} |`;
};

describe('docs/errors.md', () => {
  const codes = Object.keys(ERRORS) as (keyof typeof ERRORS)[];
  const rows = page.filter((line) => line.startsWith('| `'));

  test('has the line of every code; add those printed here', () => {
    expect(codes.map(lineFor).filter((line) => !rows.includes(line))).toEqual([]);
  });

  test('has no line that the table lacks; remove those printed here', () => {
    const expected = codes.map(lineFor);
    expect(rows.filter((line) => !expected.includes(line))).toEqual([]);
  });

  test('has each code once', () => {
    const listed = rows.map((line) => line.split('`')[1]);
    expect(listed.filter((code, index) => listed.indexOf(code) !== index)).toEqual([]);
  });
});

describe('the table of errors', () => {
  test.each(Object.entries(ERRORS))(
    '%s has statuses that are errors and a remedy that is a sentence',
    (code, spec) => {
      expect(code).toMatch(/^ERR_[A-Z]+\d?(?:_[A-Z]+)*$/);
      expect(spec.icap).toBeGreaterThanOrEqual(400);
      expect(spec.http).toBeGreaterThanOrEqual(400);
      expect(spec.remedy).toMatch(/^[A-Z].*[.]$/);
      expect(spec.remedy).not.toContain('|');
    },
  );
});

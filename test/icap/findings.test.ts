// What blades said, as a field of an ICAP answer and back.

import { expect, test } from '@jest/globals';
import { findingsLine, readFindings } from '../../src/icap/findings.ts';
import type { Finding } from '../../src/icap/findings.ts';

const valueOf = (line: string): string => line.slice('X-Weir-Blades: '.length, -2);
const said = (findings: readonly Finding[]) =>
  readFindings(['X-Weir-Blades', valueOf(findingsLine(findings))]);

test('findings are one field, and come back as they were', () => {
  const findings: Finding[] = [
    { name: 'antivirus', verdict: 'allow', ms: 0.4, cached: true },
    { name: 'threat-emulation', verdict: 'background', ms: 0 },
    { name: 'größe', verdict: 'not-scanned: "a, b"; c=d\r\nX: y', ms: 12.25 },
  ];
  const line = findingsLine(findings);
  expect(line).toMatch(/^X-Weir-Blades: antivirus=allow;ms=0\.40;cached, [\x21-\x7e ]+\r\n$/);
  expect(said(findings)).toEqual(findings);
});

test('nothing to tell is no field', () => {
  expect(findingsLine([])).toBe('');
  expect(readFindings([])).toBeNull();
});

test.each([
  ['', null],
  ['antivirus', null],
  ['=allow;ms=1', null],
  ['antivirus=allow;ms=-1', null],
  ['antivirus=allow;ms=1e9', null],
  [`${'a'.repeat(9000)}=allow;ms=1`, null],
  ['broken=%zz;ms=1, ok=allow;ms=2;cached', ['broken', 'ok']],
  ['ok=allow;ms=1, antivirus=allow;ms=x, other=block;ms=2', ['ok', 'other']],
])('reads of %p what can be read', (value, names) => {
  expect(readFindings(['x-weir-blades', value])?.map(({ name }) => name) ?? null).toEqual(names);
});

test('many or long findings are cut, on both sides', () => {
  const many = Array.from({ length: 40 }, (_, at) => ({ name: `blade-${at}`, verdict: 'allow', ms: 1e12 }));
  expect(said(many)).toHaveLength(32);
  expect(readFindings(['X-Weir-Blades', Array(40).fill('a=b;ms=1').join(',')])).toHaveLength(32);
  const long = many.map((finding) => ({ ...finding, verdict: '€'.repeat(100) }));
  expect(findingsLine(long).length).toBeLessThan(4200);
  expect(said(long)![0]!.verdict).toBe('€'.repeat(64));
  expect(said([{ name: '\ud800', verdict: '', ms: Number.NaN }])).toEqual(null);
});

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { CHECKS, selectChecks } from '../../../src/icap/doctor/catalogue.ts';
import { eicar, withoutEicar } from '../../../src/icap/doctor/samples.ts';
import { GROUPS } from '../../../src/icap/doctor/types.ts';
import { DOCTOR_PAGE, doctorPage, WRITE_COMMAND } from './page.ts';

test(`docs/icap-doctor.md says what the catalogue says; otherwise run ${WRITE_COMMAND}`, () => {
  expect(readFileSync(DOCTOR_PAGE, 'utf8').split('\n')).toEqual(doctorPage().split('\n'));
});

test('every check has an id of its own that begins with its group', () => {
  expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
  const odd = CHECKS.filter(
    ({ id, group }) => !id.startsWith(`${group}.`) || !/^[a-z-]+\.[a-z0-9-]+$/.test(id),
  );
  expect(odd.map(({ id }) => id)).toEqual([]);
  expect([...new Set(CHECKS.map(({ group }) => group))].sort()).toEqual([...GROUPS].sort());
});

test('every check says what it sends and what it means in whole sentences, and names its rule', () => {
  const odd = CHECKS.filter(
    ({ sends, means, clause, title }) =>
      !/^[A-Z0-9`].*\.$/.test(sends) ||
      !/^[A-Z].*\.$/.test(means) ||
      clause === '' ||
      /^[A-Z].*\.$/.test(title),
  );
  expect(odd.map(({ id }) => id)).toEqual([]);
});

test('checks are chosen by id and by group, in the order of the catalogue', () => {
  const chosen = selectChecks(['preview', 'options.answers']).map(({ id }) => id);
  expect(chosen[0]).toBe('options.answers');
  expect(chosen.slice(1)).toEqual(CHECKS.filter(({ group }) => group === 'preview').map(({ id }) => id));
  expect(selectChecks([])).toBe(CHECKS);
});

test('an unknown check is refused with the nearest known one', () => {
  expect(() => selectChecks(['previw'])).toThrow(
    expect.objectContaining({
      code: 'ERR_CONFIG_VALUE',
      message: expect.stringContaining('did you mean preview?'),
    }),
  );
});

test('no source of the doctor holds EICAR in clear', () => {
  const folder = fileURLToPath(new URL('../../../src/icap/doctor', import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  expect(files.length).toBeGreaterThan(10);
  expect(
    files.filter((name) => readFileSync(`${folder}/${name}`, 'latin1').includes(eicar().toString())),
  ).toEqual([]);
});

test('EICAR is masked in texts for reports, also when only its telling half is there', () => {
  const text = eicar().toString('latin1');
  expect(withoutEicar(`a ${text} b`)).toBe('a [EICAR] b');
  expect(withoutEicar(`cut ${text.slice(20)}`)).not.toContain('STANDARD');
});

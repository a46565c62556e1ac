import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { configReference } from '../../src/config/reference.ts';
import { CONFIGURATION_PAGE, configurationPage, WRITE_COMMAND } from './configuration-page.ts';

test(`docs/configuration.md says what the schema says; otherwise run ${WRITE_COMMAND}`, () => {
  expect(readFileSync(CONFIGURATION_PAGE, 'utf8').split('\n')).toEqual(configurationPage().split('\n'));
});

test('docs/configuration.md has a row for every key that is no top-level section', () => {
  const page = configurationPage();
  const missing = configReference().filter(
    ({ path, type }) => (path.includes('.') || type !== 'section') && !page.includes(`\n| \`${path}\` |`),
  );
  expect(missing).toEqual([]);
});

import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { FAULTS_PAGE, faultsPage, WRITE_COMMAND } from './faults-page.ts';

test(`docs/faults.md says what the tests of faults run; otherwise run ${WRITE_COMMAND}`, () => {
  expect(readFileSync(FAULTS_PAGE, 'utf8').split('\n')).toEqual(faultsPage().split('\n'));
});

// Pages and pictures that are written by programs: what is committed is what they write now.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { COMMANDS_PAGE, commandsPage, WRITE_COMMANDS_PAGE } from './commands-page.ts';
import { LOG_PAGE, logPage, WRITE_LOG_PAGE } from './log-page.ts';
import { PICTURES, PICTURES_FOLDER, svgOf } from './sequence-pictures.ts';

test('docs/commands.md is the help of every command', async () => {
  const page = await commandsPage();
  expect(page.match(/^##+ weir /gm)!.length).toBeGreaterThan(25);
  if (readFileSync(COMMANDS_PAGE, 'utf8') !== page) throw new Error(`run ${WRITE_COMMANDS_PAGE}`);
});

test.each(Object.entries(PICTURES))('docs/images/icap/%s.svg is drawn from its steps', (name, picture) => {
  expect(readFileSync(path.join(PICTURES_FOLDER, `${name}.svg`), 'utf8')).toBe(svgOf(picture));
});

test('there is no picture that nothing draws', () => {
  expect(readdirSync(PICTURES_FOLDER).sort()).toEqual(
    Object.keys(PICTURES)
      .map((name) => `${name}.svg`)
      .sort(),
  );
});

test('docs/log.md has the fields of the records', () => {
  if (readFileSync(LOG_PAGE, 'utf8') !== logPage()) throw new Error(`run ${WRITE_LOG_PAGE}`);
});

// adaptation.hold: a size, as it has always been, or a section.

import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../support/tempDir.ts';

async function patience(yaml: string) {
  await using folder = await tempDir();
  const path = await folder.write('weir.yaml', `adaptation:\n  hold: ${yaml}\n`);
  const { config } = await loadConfig({ path });
  const { holdBytes, patience } = config.adaptation;
  return { holdBytes, ...patience };
}

const problem = (yaml: string): Promise<string> =>
  patience(yaml).then(
    () => 'accepted',
    (error: Error) => error.message,
  );

describe('adaptation.hold', () => {
  test('without it browsers get a page and programs a trickle after three seconds', async () => {
    expect(await patience('{}')).toMatchObject({
      ...{ holdBytes: 67_108_864, afterMs: 3000, browser: 'page', program: 'trickle', rateBytes: 1024 },
      ...{ tailBytes: 65_536, ticketMs: 600_000, files: 100 },
    });
    expect(await patience('')).toMatchObject({ holdBytes: 67_108_864, afterMs: 3000 });
  });

  test.each([
    ['1MiB', 1_048_576],
    ['0', 0],
    ['4096', 4096],
  ])('a size alone, %s, is what is delivered whole', async (yaml, bytes) => {
    expect(await patience(yaml)).toMatchObject({ holdBytes: bytes, browser: 'page' });
  });

  test('takes every key at its bounds', async () => {
    expect(
      await patience(
        '{ whole: 0, after: 1ms, browser: wait, program: accepted, rate: 1MiB, tail: 1, agents: [], ticket: 1s, files: 0 }',
      ),
    ).toEqual({
      ...{ holdBytes: 0, afterMs: 1, browser: 'wait', program: 'accepted', rateBytes: 1_048_576 },
      ...{ tailBytes: 1, agents: [], ticketMs: 1000, files: 0 },
    });
  });

  test.each([
    ['{ browser: accepted }', /adaptation\.hold\.browser: expected one of page, trickle, wait/],
    ['{ program: page }', /adaptation\.hold\.program: expected one of trickle, accepted, wait/],
    ['{ rate: 2MiB }', /adaptation\.hold\.rate: expected 1\.\.1MiB/],
    ['{ tail: 0 }', /adaptation\.hold\.tail: expected/],
    ['{ after: 3 }', /adaptation\.hold\.after: expected a duration/],
    ['{ ticket: 500ms }', /adaptation\.hold\.ticket: expected 1s\.\.24h/],
    ['{ agents: [""] }', /adaptation\.hold\.agents/],
    ['{ brower: page }', /unknown key; did you mean browser/],
    ['lots', /adaptation\.hold: expected a size/],
    ['[1]', /adaptation\.hold: expected a map/],
  ])('refuses %s with what is allowed', async (yaml, message) => {
    expect(await problem(yaml)).toMatch(message);
  });
});

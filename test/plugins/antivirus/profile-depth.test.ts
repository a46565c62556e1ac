// The profile's depth beside the blade's own: the lower one holds, and what is hidden below it blocks.

import { expect, test } from '@jest/globals';
import { zipOf } from '../../support/eicar.ts';
import { antivirusBlade, message } from './blade-support.ts';

test('content below the depth of the profile is not passed as clean', async () => {
  await using antivirus = await antivirusBlade();
  const body = zipOf([
    {
      name: 'a.zip',
      data: zipOf([{ name: 'b.zip', data: zipOf([{ name: 'c', data: Buffer.from('fine') }]) }]),
    },
  ]);
  const { signal } = new AbortController();
  const judged = async (depth: number | null) =>
    (await antivirus.blade.inspect({ ...message(body), limits: { depth } }, signal)).kind;
  expect(await judged(null)).toBe('allow');
  expect(await judged(9)).toBe('allow');
  expect(await judged(1)).toBe('block');
  expect(antivirus.blade.judges).toBe('content');
});

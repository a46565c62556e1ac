// docs/gateway-access.md shows configurations: each must be accepted without a warning.

import { expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../support/tempDir.ts';
import { allPages, blocks } from './pages.ts';

const page = allPages().find(({ file }) => file === 'docs/gateway-access.md')!;

test.each(blocks(page, 'yaml'))('is accepted: %s', async (text) => {
  await using folder = await tempDir();
  const { warnings } = await loadConfig({ path: await folder.write('weir.yaml', text) });
  expect(warnings).toEqual([]);
});

// A log that cannot be written loses lines, not memory, and metrics say how many.

import { expect, test } from '@jest/globals';
import { openLog } from '../../src/telemetry/log.ts';

test('lines beyond 16 MiB that a full disk does not take are dropped and counted', async () => {
  const log = openLog({ level: 'info', file: '/dev/full' });
  const before = log.dropped!;
  const line = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 20; i++) {
    log.event('info', line, {});
    await new Promise(setImmediate);
  }
  const dropped = log.dropped! - before;
  expect(dropped).toBeGreaterThanOrEqual(4);
  expect(dropped).toBeLessThan(20);
  log.close();
});

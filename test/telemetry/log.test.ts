import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const LOG = new URL('../../src/telemetry/log.ts', import.meta.url).href;
const RUNNER = fileURLToPath(new URL('../../src/util/source-worker.mjs', import.meta.url));

// In a process of its own: what it must not do is never end.
test('a log that cannot be written, for want of space, does not keep the process from ending', () => {
  const script = `
    process.argv[2] = 'data:text/javascript,'; // TypeScript is loaded from here on
    await import(${JSON.stringify(RUNNER)});
    const { openLog } = await import(${JSON.stringify(LOG)});
    const log = openLog({ level: 'info', file: '/dev/full' });
    await new Promise((resolve) => setImmediate(resolve));
    log.event('info', 'lost', {});
    log.close();
    log.event('info', 'lost as well', {});
    console.log('closed');`;
  const args = ['--input-type=module', '-e', script];
  expect(execFileSync(process.execPath, args, { timeout: 20_000 }).toString()).toBe('closed\n');
});

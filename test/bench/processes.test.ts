import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect, test } from '@jest/globals';

import { descendants, parseStat, usageOf, type ProcessStat } from '../../bench/host/processes.ts';

test('a command name with spaces and parentheses does not shift the fields', () => {
  const line =
    '4242 (a) b (c) S 17 4242 4242 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 555 123456789 2048 18446744073709551615\n';
  expect(parseStat(line)).toEqual({ pid: 4242, parent: 17, ticks: 127, residentPages: 2048 });
});

test('descendants are followed over all generations and nobody else is counted', () => {
  const stat = (pid: number, parent: number): ProcessStat => ({ pid, parent, ticks: 0, residentPages: 0 });
  const all = [stat(9, 5), stat(1, 0), stat(5, 2), stat(2, 1), stat(3, 1)];
  expect(descendants(2, all).map(({ pid }) => pid)).toEqual([2, 5, 9]);
  expect(descendants(77, all)).toEqual([]);
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('the work of a child that ended counts for its parent', async () => {
  // The shell waits for a child that burns CPU, then reports and stays.
  const burn = 'const end = process.cpuUsage().user + 300000; while (process.cpuUsage().user < end);';
  const shell = spawn('sh', ['-c', `"${process.execPath}" -e '${burn}'; echo done; read line`]);
  try {
    await once(shell.stdout, 'data');
    const [usage] = usageOf([shell.pid as number]);
    expect(usage?.cpuMicros).toBeGreaterThan(250_000);
    expect(usage?.residentBytes).toBeGreaterThan(0);
  } finally {
    shell.stdin.end('\n');
    await once(shell, 'exit');
  }
});

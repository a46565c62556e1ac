// The dashboard suite: its command line, and the table that it makes of what was measured.
import { expect, test } from '@jest/globals';

import { parseDashboardOptions } from '../../bench/dashboard/options.ts';
import { dashboardPage, dropOf, type Round, STATES, stateTable } from '../../bench/dashboard/report.ts';
import type { Measurement } from '../../bench/measure.ts';
import { UsageError } from '../../bench/options.ts';

const measurement = (cpuMicros: number): Measurement =>
  ({
    cpuMicros,
    perSecond: 1e6 / cpuMicros,
    p50Ms: 1,
    p99Ms: 2,
    loadShare: 0.5,
    foreignShare: 0,
  }) as Measurement;
const round = (off: number, on: number, viewer: number, filtered: number): Round => ({
  off: measurement(off),
  on: measurement(on),
  viewer: measurement(viewer),
  filtered: measurement(filtered),
});

test('without arguments it runs six rounds of three seconds, for the page', () => {
  expect(parseDashboardOptions([])).toMatchObject({ rounds: 6, seconds: 3, full: true });
  expect(parseDashboardOptions(['--rounds', '1'])).toMatchObject({ rounds: 1, full: false });
  expect(() => parseDashboardOptions(['--filter'])).toThrow(UsageError);
});

test('each state has its row, and each with a dashboard is held to the target', () => {
  const rounds = [round(100, 101, 104, 125), round(200, 202, 208, 250), round(100, 101, 104, 200)];
  const [, ...rows] = stateTable(rounds);
  expect(rows).toHaveLength(STATES.length);
  expect(rows.map((row) => row.at(-1))).toEqual(['–', '< 5 %: met', '< 5 %: met', '< 5 %: missed']);
  expect(rows[3]![0]).toBe('dashboard on, one viewer with a filter');
  expect(dropOf(rounds, 'filtered')).toBeCloseTo(0.2);
});

test('the page has the row of the filtered viewer and tells of disturbed measurements', () => {
  const machine = { cpu: 'a processor', cores: 2, node: 'v20', origin: 'nginx' } as Parameters<
    typeof dashboardPage
  >[1];
  const quiet = round(100, 101, 102, 103);
  const disturbed = { ...quiet, filtered: { ...quiet.filtered, foreignShare: 0.5 } };
  expect(dashboardPage([quiet], machine, '2026-01-01')).not.toContain('other processes took');
  const page = dashboardPage([disturbed], machine, '2026-01-01');
  expect(page).toMatch(/^\| dashboard on, one viewer with a filter +\| .*met/m);
  expect(page).toContain('during 1 of 4 measurements');
});

import { expect, test } from '@jest/globals';
import { LiveFigures } from '../../src/cli/live-figures.ts';
import { colours } from '../../src/telemetry/terminal-line.ts';

const PLAIN = colours(false);

function figuresWith(counts: Readonly<Record<string, number>>): LiveFigures {
  const figures = new LiveFigures(0);
  for (const [verdict, count] of Object.entries(counts)) {
    for (let index = 0; index < count; index++) figures.add({ verdict: verdict as 'allowed' });
  }
  return figures;
}

test('the line tells uptime, rate, verdicts and the state of each service', () => {
  const figures = figuresWith({ allowed: 20, blocked: 2, error: 1 });
  expect(figures.line(10_000, 200, [{ name: 'scan', state: 'up' }], PLAIN)).toBe(
    'up 10 s | 2.3 requests/s | 20 allowed | 2 blocked | 1 failed | scan up',
  );
});

test('the rate is that of the last five seconds, not of all the time', () => {
  const figures = figuresWith({ allowed: 50 });
  const rates = [1000, 2000, 3000, 4000, 5000, 6000, 7000, 12_000].map((now) => {
    return /([\d.]+) requests/.exec(figures.line(now, 200, [], PLAIN))![1];
  });
  expect(rates).toEqual(['50', '25', '17', '13', '10', '0.0', '0.0', '0.0']);
});

test('a service that is down comes before the verdicts and survives in a narrow terminal', () => {
  const services = [
    { name: 'scan', state: 'up' },
    { name: 'other', state: 'down' },
  ];
  const line = figuresWith({ allowed: 3 }).line(1000, 42, services, PLAIN);
  expect(line).toBe('up 1 s | 3.0 requests/s | other down | …');
});

test.each([20, 21, 30, 40, 57, 58, 79, 120])(
  'in %i columns the line is no longer, with and without colours',
  (columns) => {
    const services = [
      { name: 'a-service-with-a-long-name', state: 'suspended' },
      { name: 'scan', state: 'up' },
    ];
    const figures = figuresWith({ allowed: 1234, blocked: 17, modified: 3, bypassed: 2, error: 5 });
    const plain = figures.line(3_700_000, columns, services, PLAIN);
    expect(plain.length).toBeLessThanOrEqual(columns);
    const painted = figures.line(3_700_000, columns, services, colours(true));
    expect(painted.replace(/\u001b\[\d+m/g, '').length).toBeLessThanOrEqual(columns);
    expect(painted).toMatch(/^\u001b\[2mup 1 h 1 min\u001b\[0m/);
  },
);

test('a name that could steer the terminal is shown without its control characters', () => {
  const line = figuresWith({}).line(0, 200, [{ name: 'a\u001b[2J', state: 'up' }], PLAIN);
  expect(line).toContain('a?[2J up');
});

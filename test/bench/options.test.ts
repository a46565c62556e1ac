import { expect, test } from '@jest/globals';

import { parseOptions, UsageError } from '../../bench/options.ts';
import { PEER_IDS } from '../../bench/works.ts';

test('without arguments every work and every peer runs three rounds, for the page', () => {
  const options = parseOptions([]);
  expect(options).toMatchObject({ peers: PEER_IDS, rounds: 3, seconds: undefined, full: true, build: true });
  expect(options.works).toContain('idle');
});

test('works are run in the order of the table, whatever the order of the argument', () => {
  expect(parseOptions(['--only', 'names,1k, 64k']).works).toEqual(['1k', '64k', 'names']);
});

test('a run that was narrowed is not fit for the page', () => {
  for (const args of [
    ['--quick'],
    ['--peers', 'squid'],
    ['--only', '1k'],
    ['--rounds', '2'],
    ['--profile'],
  ]) {
    expect(parseOptions(args).full).toBe(false);
  }
  expect(parseOptions(['--json', '--no-build']).full).toBe(true);
});

test('a quick run is one round of a second, unless told otherwise', () => {
  expect(parseOptions(['--quick'])).toMatchObject({ rounds: 1, seconds: 1 });
  expect(parseOptions(['--quick', '--rounds', '5', '--seconds', '0.5'])).toMatchObject({
    rounds: 5,
    seconds: 0.5,
  });
});

test.each([
  [['--only', '2k'], /--only: expected some of 1k.*got "2k"/],
  [['--peers', 'apache'], /--peers.*got "apache"/],
  [['--rounds', '0'], /--rounds: expected a whole number/],
  [['--rounds', '1.5'], /--rounds/],
  [['--seconds', 'long'], /--seconds: expected a number/],
  [['--fast'], /--fast/],
])('refuses %j and says what is allowed', (args, message) => {
  expect(() => parseOptions(args)).toThrow(UsageError);
  expect(() => parseOptions(args)).toThrow(message);
});

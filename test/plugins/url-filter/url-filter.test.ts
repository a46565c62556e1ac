// The blade: rules by category, user, group and time; safe search; long lists in a thread.

import { describe, expect, test } from '@jest/globals';
import urlFilter from '../../../plugins/url-filter/index.ts';
import { isWithin, type Schedule } from '../../../plugins/url-filter/schedule.ts';
import type { ModifyVerdict } from '../../../src/index.ts';
import { bladeOf } from '../../support/blade.ts';
import { tempDir } from '../../support/tempDir.ts';

const categories = {
  gambling: { entries: ['bet.example', '@@||info.bet.example^'] },
  social: { entries: ['social.example'] },
};
const ALLOWED = { kind: 'allow' };

describe('rules', () => {
  const rules = [
    { categories: ['social'], groups: ['marketing', 'press'], action: 'allow' },
    { users: ['root'], action: 'block' },
    { categories: ['social'], action: 'log' },
    { categories: ['gambling', 'social'], action: 'block' },
  ];

  test('the first that fits decides; exceptions are no part of a category', async () => {
    await using filter = await bladeOf(urlFilter, { categories, rules });
    const blocked = (category: string, host: string) => ({
      kind: 'block',
      threat: `URL:${category}`,
      severity: 'low',
      reason: `${host} is listed as ${category}`,
    });
    expect(await filter.ask({ url: 'https://www.bet.example/a' })).toEqual(
      blocked('gambling', 'www.bet.example'),
    );
    expect(await filter.ask({ url: 'https://info.bet.example/' })).toEqual(ALLOWED);
    expect(await filter.ask({ url: 'http://other.example/' })).toEqual(ALLOWED);
    expect(filter.logged.filter((line) => line.startsWith('info request'))).toEqual([]);
    expect(await filter.ask({ url: 'http://social.example/' })).toEqual(blocked('social', 'social.example'));
    expect(filter.logged).toContain('info request to social.example (social)');
    expect(await filter.ask({ url: 'http://social.example/', groups: ['x', 'press'] })).toEqual(ALLOWED);
    expect(await filter.ask({ url: 'http://other.example/', user: 'root' })).toMatchObject({
      threat: 'URL:rule',
      reason: 'other.example is blocked by a rule',
    });
  });

  test('a CONNECT is judged by its host, a response and a request without a host are not judged', async () => {
    await using filter = await bladeOf(urlFilter, { categories, rules });
    const connect = await filter.ask({ method: 'CONNECT', url: 'bet.example:443' });
    expect(connect).toMatchObject({ kind: 'block', threat: 'URL:gambling' });
    expect(await filter.ask({ direction: 'response', url: 'http://bet.example/' })).toEqual(ALLOWED);
    expect(await filter.ask({ url: '*' })).toEqual({ kind: 'allow', notScanned: 'url' });
  });

  test.each([
    [{ rules: [{ categories: ['none'], action: 'block' }] }, /there is no category none/],
    [{ rules: [{ action: 'block', when: { days: ['someday'] } }] }, /expected days such as mon or mon-fri/],
    [{ rules: [{ action: 'block', when: { hours: ['8-12'] } }] }, /expected hours such as 08:00-17:30/],
    [{ rules: [{ action: 'block', when: { timeZone: 'Mars' } }] }, /IANA time zone/],
    [{ rules: [{ action: 'drop' }] }, /action/],
  ])('options %j are refused', (options, message) => {
    expect(() => urlFilter.options!.parse(options)).toThrow(message);
  });
});

describe('a schedule', () => {
  const berlin: Schedule = {
    days: ['mon', 'tue', 'wed', 'thu', 'fri'],
    hours: [{ from: 480, to: 1020 }],
    timeZone: 'Europe/Berlin',
  };
  const night: Schedule = { ...berlin, days: ['fri'], hours: [{ from: 1320, to: 360 }] };

  test.each<[string, Schedule, string, boolean]>([
    ['begins at its first minute, in its zone', berlin, '2026-01-05T07:00:00Z', true],
    ['has not begun a minute before', berlin, '2026-01-05T06:59:59Z', false],
    ['begins an hour earlier by UTC in summer', berlin, '2026-07-06T06:00:00Z', true],
    ['is over at its last minute', berlin, '2026-01-05T16:00:00Z', false],
    ['is not on other days', berlin, '2026-01-04T10:00:00Z', false],
    ['over midnight belongs to the day that it begins on', night, '2026-01-10T04:59:00Z', true],
    ['over midnight ends in the morning', night, '2026-01-10T05:00:00Z', false],
    ['over midnight is not there on the morning before', night, '2026-01-09T03:00:00Z', false],
  ])('%s', (_, schedule, at, expected) => {
    expect(isWithin(schedule, Date.parse(at))).toBe(expected);
  });

  test('decides whether a rule holds, and is part of the fingerprint', async () => {
    const days = ['sun-sat'];
    const rule = (timed: object) => ({ categories: ['social'], when: { days, ...timed }, action: 'block' });
    const now = new Date();
    const hour = (offset: number): string => String((now.getUTCHours() + offset + 24) % 24).padStart(2, '0');
    const around = { timeZone: 'UTC', hours: [`${hour(-1)}:00-${hour(2)}:00`] };
    const elsewhen = { timeZone: 'UTC', hours: [`${hour(3)}:00-${hour(5)}:00`] };
    await using on = await bladeOf(urlFilter, { categories, rules: [rule(around)] });
    await using off = await bladeOf(urlFilter, { categories, rules: [rule(elsewhen)] });
    expect(await on.ask({ url: 'http://social.example/' })).toMatchObject({ kind: 'block' });
    expect(await off.ask({ url: 'http://social.example/' })).toEqual(ALLOWED);
    expect([on.blade.fingerprint!().at(-1), off.blade.fingerprint!().at(-1)]).toEqual(['1', '0']);
  });
});

describe('safe search', () => {
  const safeSearch = ['google', 'bing', 'duckduckgo', 'yahoo', 'youtube'];

  test.each([
    ['https://www.google.com/search?q=x&safe=off', 'https://www.google.com/search?q=x&safe=active'],
    ['https://www.google.co.uk/search?%73afe=off&q=x', 'https://www.google.co.uk/search?q=x&safe=active'],
    ['https://www.bing.com/images/search?q=x', 'https://www.bing.com/images/search?q=x&adlt=strict'],
    ['https://duckduckgo.com/?q=x&kp=-2', 'https://duckduckgo.com/?q=x&kp=1'],
    ['https://de.search.yahoo.com/search?p=x', 'https://de.search.yahoo.com/search?p=x&vm=r'],
  ])('%s is asked as %s', async (url, target) => {
    await using filter = await bladeOf(urlFilter, { safeSearch });
    const verdict = await filter.ask({ url, headers: ['Host', new URL(url).host] });
    expect(verdict).toMatchObject({ kind: 'modify', target });
    expect((verdict as ModifyVerdict).headers).toEqual(['Host', new URL(url).host, 'Prefer', 'safe']);
  });

  test('YouTube gets its header once', async () => {
    await using filter = await bladeOf(urlFilter, { safeSearch, youtube: 'moderate' });
    const headers = ['youtube-restrict', 'None', 'Accept', '*/*'];
    expect(await filter.ask({ url: 'https://www.youtube.com/watch?v=x', headers })).toEqual({
      kind: 'modify',
      headers: ['Accept', '*/*', 'YouTube-Restrict', 'Moderate', 'Prefer', 'safe'],
    });
  });

  test('other hosts, and engines that are not named, stay as they are', async () => {
    await using filter = await bladeOf(urlFilter, { safeSearch: ['google'] });
    for (const url of ['https://www.bing.com/search?q=x', 'https://google.com.evil.example/search?q=x']) {
      expect(await filter.ask({ url })).toEqual(ALLOWED);
    }
  });
});

test('a long list is read in a thread, and the file is watched', async () => {
  await using folder = await tempDir();
  const lines = Array.from({ length: 20_000 }, (_, i) => `host-${i}.list.example`);
  const file = await folder.write('long', `${lines.join('\n')}\n||ads.example^$third-party\n`);
  const options = {
    categories: { ads: { lists: [file] } },
    rules: [{ categories: ['ads'], action: 'block' }],
  };
  await using filter = await bladeOf(urlFilter, options);
  expect(await filter.ask({ url: 'http://x.host-19999.list.example/' })).toMatchObject({ kind: 'block' });
  expect(await filter.ask({ url: 'http://host-20000.list.example/' })).toEqual(ALLOWED);
  expect(filter.watched).toEqual([file]);
  expect(filter.logged).toEqual([
    'info category ads: 20000 entries',
    expect.stringMatching(/^warn category ads: without effect: 1 rules with options such as third-party, 0 /),
  ]);
});

test('a list that is not there is an error of the options', async () => {
  const options = { categories: { ads: { lists: ['/nowhere/list'] } } };
  await expect(bladeOf(urlFilter, options)).rejects.toMatchObject({ code: 'ERR_PLUGIN_OPTIONS' });
});

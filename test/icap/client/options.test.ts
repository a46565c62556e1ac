import { describe, expect, test } from '@jest/globals';
import { readServiceOptions, transferFor, unquoted } from '../../../src/icap/client/options.ts';
import { IcapResponseParser } from '../../../src/icap/codec/message-parser.ts';
import type { IcapResponseHead } from '../../../src/icap/codec/head.ts';
import { optionsAnswer } from './scripted-icap.ts';

/** As read at 0 on the clock of `performance.now()`, which is `today`. */
function read(fields: readonly string[], status = 200, today = 0) {
  let head: IcapResponseHead | undefined;
  const parser = new IcapResponseParser(
    { onMessage: (received) => (head = received), onData() {}, onEnd() {} },
    false,
  );
  parser.expect('OPTIONS');
  parser.execute(Buffer.from(optionsAnswer(fields).replace('200 OK', `${status} X`)));
  return readServiceOptions(head!, 0, today);
}

test('an answer with nothing in it means: no preview, no limit, ask again within the hour', () => {
  expect(read([])).toMatchObject({ preview: null, maxConnections: null, istag: 't1', transferPreview: [] });
  expect(read([]).refreshAt).toBe(3_580_000);
});

test('K-02 Options-TTL is kept, refreshed twenty seconds early, and never longer than an hour', () => {
  expect(read(['Options-TTL: 100'])).toMatchObject({ refreshAt: 80_000, expiresAt: 100_000 });
  expect(read(['Options-TTL: 999999999']).refreshAt).toBe(3_580_000);
  expect(read(['Options-TTL: soon']).refreshAt).toBe(3_580_000);
});

test('K-02 nobody is asked more often than every thirty seconds, whatever Options-TTL says', () => {
  for (const ttl of [0, 5, 29]) {
    expect(read([`Options-TTL: ${ttl}`])).toMatchObject({ refreshAt: 30_000, expiresAt: 30_000 });
  }
});

describe('K-02 Options-TTL counts from Date', () => {
  const at = (date: string, ttl: number) =>
    read([`Date: ${date}`, `Options-TTL: ${ttl}`], 200, Date.UTC(2026, 0, 5, 12, 5, 0)).expiresAt;

  test('of an answer that is five minutes old', () => {
    expect(at('Mon, 05 Jan 2026 12:00:00 GMT', 600)).toBe(600_000 - 300_000 + 1000);
  });
  test('C-17 with a doubled blank, as in the examples of the RFC', () => {
    expect(at('Mon, 05 Jan 2026  12:00:00 GMT', 600)).toBe(301_000);
  });
  test('but no service is stale for ever because its clock is wrong (S-O7)', () => {
    expect(at('Mon, 05 Jan 2015 12:00:00 GMT', 600)).toBe(30_000);
  });
  test('and a clock that is ahead gains nothing', () => {
    expect(at('Mon, 05 Jan 2037 12:00:00 GMT', 600)).toBe(600_000);
  });
  test('and a date that is none is passed over', () => {
    expect(at('yesterday', 600)).toBe(600_000);
  });
});

test('K-12 what OPTIONS lists in Allow is known, in any case and over several fields', () => {
  expect(read([])).toMatchObject({ allow204: true, allow206: false, allowTrailers: false });
  expect(read(['Allow: 206, Trailers'])).toMatchObject({ allow206: true, allowTrailers: true });
});

test('K-03 another status than 200 is a failure', () => {
  expect(() => read([], 404)).toThrow(expect.objectContaining({ code: 'ERR_ADAPT_STATUS' }));
});

test('C-112 one pair of quotes around an ISTag is not part of it', () => {
  expect(unquoted('"abc"')).toBe('abc');
  expect(unquoted('abc')).toBe('abc');
  expect(unquoted('"')).toBe('"');
});

describe('K-07 the Transfer lists', () => {
  const lists = ['Transfer-Preview: html, exe', 'Transfer-Complete: zip', 'Transfer-Ignore: *'];
  test.each([
    [lists, 'http://h.test/a.HTML', 'preview'],
    [lists, 'http://h.test/a.zip', 'complete'],
    [lists, 'http://h.test/a.zip?x=.exe', 'complete'],
    [lists, 'http://h.test/a.gif', 'ignore'],
    [lists, 'http://h.test/', 'ignore'],
    [lists, 'http://h.test/v1.2/file', 'ignore'],
    [['Transfer-Preview: *', 'Transfer-Ignore: gif'], 'http://h.test/a.gif', 'ignore'],
    [['Transfer-Preview: *', 'Transfer-Ignore: gif'], 'http://h.test/a', 'preview'],
    [['Transfer-Complete: *', 'Preview: 4'], 'http://h.test/a', 'complete'],
    [['Preview: 4'], 'http://h.test/a', 'preview'],
    [['Transfer-Preview: .gif, .html', 'Transfer-Complete: *'], 'http://h.test/a.gif', 'preview'],
    [
      ['Transfer-Preview: gif', 'Transfer-Ignore: gif', 'Transfer-Complete: *'],
      'http://h.test/a.gif',
      'preview',
    ],
    [['Transfer-Complete: gif', 'Transfer-Ignore: gif, *'], 'http://h.test/a.gif', 'complete'],
    [['Transfer-Preview: gif'], 'http://h.test/a.zip', 'complete'],
    [[], 'http://h.test/a', 'complete'],
  ])('%j sends %s as %s', (fields, target, expected) => {
    expect(transferFor(read(fields), target)).toBe(expected);
  });
});

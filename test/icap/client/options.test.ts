import { describe, expect, test } from '@jest/globals';
import { readServiceOptions, transferFor, unquoted } from '../../../src/icap/client/options.ts';
import { IcapResponseParser } from '../../../src/icap/codec/message-parser.ts';
import type { IcapResponseHead } from '../../../src/icap/codec/head.ts';
import { optionsAnswer } from './scripted-icap.ts';

function read(fields: readonly string[], status = 200) {
  let head: IcapResponseHead | undefined;
  const parser = new IcapResponseParser(
    { onMessage: (received) => (head = received), onData() {}, onEnd() {} },
    false,
  );
  parser.expect('OPTIONS');
  parser.execute(Buffer.from(optionsAnswer(fields).replace('200 OK', `${status} X`)));
  return readServiceOptions(head!, 0);
}

test('an answer with nothing in it means: no preview, no limit, ask again within the hour', () => {
  expect(read([])).toMatchObject({ preview: null, maxConnections: null, istag: 't1', transferPreview: [] });
  expect(read([]).refreshAt).toBe(3_580_000);
});

test('K-02 Options-TTL is kept, refreshed twenty seconds early, and never longer than an hour', () => {
  expect(read(['Options-TTL: 100']).refreshAt).toBe(80_000);
  expect(read(['Options-TTL: 5']).refreshAt).toBe(1000);
  expect(read(['Options-TTL: 0']).refreshAt).toBe(1000);
  expect(read(['Options-TTL: 999999999']).refreshAt).toBe(3_580_000);
  expect(read(['Options-TTL: soon']).refreshAt).toBe(3_580_000);
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
    [[], 'http://h.test/a', 'complete'],
  ])('%j sends %s as %s', (fields, target, expected) => {
    expect(transferFor(read(fields), target)).toBe(expected);
  });
});

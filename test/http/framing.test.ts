// What a head says about its body and its connection. Whatever two readers could understand differently
// is refused: that is how requests are smuggled. RFC 9112 §6, RFC 9110 §7.6.1.

import { describe, expect, test } from '@jest/globals';
import type { Framing } from '../../src/http/framing.ts';
import {
  endToEndFields,
  persists,
  readHeaderFacts,
  requestFraming,
  responseFraming,
} from '../../src/http/framing.ts';
import type { RawHeaders } from '../../src/icap/codec/http-head.ts';

/** The framing of a request, or the code of the error. */
function ofRequest(headers: RawHeaders, version = '1.1'): Framing | string {
  return attempt(() =>
    requestFraming({ method: 'POST', target: '/', version, headers }, readHeaderFacts(headers)),
  );
}

function ofResponse(headers: RawHeaders, status = 200, method = 'GET', version = '1.1'): Framing | string {
  return attempt(() =>
    responseFraming({ version, status, reason: '', headers }, readHeaderFacts(headers), method),
  );
}

function attempt<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const CHUNKED = { kind: 'chunked' };
const NONE = { kind: 'none' };
const length = (bytes: number): Framing => ({ kind: 'length', length: bytes });

describe('framing of a request', () => {
  test.each([
    ['nothing', [], NONE],
    ['a length', ['Content-Length', '5'], length(5)],
    ['a length in odd case', ['cOnTeNt-LeNgTh', '5'], length(5)],
    ['a length with leading zeros', ['Content-Length', '0005'], length(5)],
    ['the length 0', ['Content-Length', '0'], NONE],
    ['the largest length', ['Content-Length', '9007199254740991'], length(Number.MAX_SAFE_INTEGER)],
    ['chunked', ['Transfer-Encoding', 'chunked'], CHUNKED],
    ['chunked in odd case', ['transfer-encoding', 'ChUnKeD'], CHUNKED],
  ] as const)('is clear from %s', (_, headers, expected) => {
    expect(ofRequest([...headers])).toEqual(expected);
  });

  test.each([
    ['a length and chunked', ['Content-Length', '5', 'Transfer-Encoding', 'chunked'], 'ERR_HTTP_FRAMING'],
    ['chunked and a length', ['Transfer-Encoding', 'chunked', 'Content-Length', '5'], 'ERR_HTTP_FRAMING'],
    ['chunked and the length 0', ['Transfer-Encoding', 'chunked', 'Content-Length', '0'], 'ERR_HTTP_FRAMING'],
    ['a length and another coding', ['Content-Length', '5', 'Transfer-Encoding', 'x'], 'ERR_HTTP_FRAMING'],
    ['two lengths', ['Content-Length', '5', 'Content-Length', '6'], 'ERR_HTTP_FRAMING'],
    ['the same length twice', ['Content-Length', '5', 'content-length', '5'], 'ERR_HTTP_FRAMING'],
    ['a list of lengths', ['Content-Length', '5, 5'], 'ERR_HTTP_FRAMING'],
    ['a length with sign', ['Content-Length', '+5'], 'ERR_HTTP_FRAMING'],
    ['a negative length', ['Content-Length', '-5'], 'ERR_HTTP_FRAMING'],
    ['a length in hexadecimal', ['Content-Length', '0x5'], 'ERR_HTTP_FRAMING'],
    ['a length with fraction', ['Content-Length', '5.0'], 'ERR_HTTP_FRAMING'],
    ['a length with exponent', ['Content-Length', '5e1'], 'ERR_HTTP_FRAMING'],
    ['a length with a blank inside', ['Content-Length', '5 0'], 'ERR_HTTP_FRAMING'],
    ['an empty length', ['Content-Length', ''], 'ERR_HTTP_FRAMING'],
    ['a length that no number holds', ['Content-Length', '9007199254740993'], 'ERR_HTTP_FRAMING'],
    ['a length of 20 digits', ['Content-Length', '18446744073709551621'], 'ERR_HTTP_FRAMING'],
    ['an unknown coding', ['Transfer-Encoding', 'xchunked'], 'ERR_HTTP_CODING'],
    ['an empty coding', ['Transfer-Encoding', ''], 'ERR_HTTP_CODING'],
    ['identity', ['Transfer-Encoding', 'identity'], 'ERR_HTTP_CODING'],
    ['gzip before chunked', ['Transfer-Encoding', 'gzip, chunked'], 'ERR_HTTP_CODING'],
    ['something behind chunked', ['Transfer-Encoding', 'chunked, identity'], 'ERR_HTTP_CODING'],
    ['chunked twice', ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'], 'ERR_HTTP_CODING'],
    ['codings in two fields', ['Transfer-Encoding', 'chunked', 'transfer-encoding', 'x'], 'ERR_HTTP_CODING'],
    ['chunked with a parameter', ['Transfer-Encoding', 'chunked;a=b'], 'ERR_HTTP_CODING'],
    ['chunked in quotes', ['Transfer-Encoding', '"chunked"'], 'ERR_HTTP_CODING'],
    ['chunked with a comma', ['Transfer-Encoding', 'chunked,'], 'ERR_HTTP_CODING'],
  ])('is refused with %s', (_, headers, code) => {
    expect(ofRequest(headers)).toBe(code);
  });

  test('is refused with chunks in HTTP/1.0, where the next hop would not see them', () => {
    expect(ofRequest(['Transfer-Encoding', 'chunked'], '1.0')).toBe('ERR_HTTP_FRAMING');
  });
});

describe('framing of a response', () => {
  test.each([
    ['nothing', [], { kind: 'close' }],
    ['a length', ['Content-Length', '5'], length(5)],
    ['the length 0', ['Content-Length', '0'], NONE],
    ['chunked', ['Transfer-Encoding', 'chunked'], CHUNKED],
  ] as const)('is clear from %s', (_, headers, expected) => {
    expect(ofResponse([...headers])).toEqual(expected);
  });

  test.each([
    [204, 'GET'],
    [304, 'GET'],
    [103, 'GET'],
    [200, 'HEAD'],
  ])('is without body for %d to %s, whatever the fields say', (status, method) => {
    expect(ofResponse(['Content-Length', '5'], status, method)).toEqual(NONE);
    expect(ofResponse(['Transfer-Encoding', 'chunked'], status, method)).toEqual(NONE);
  });

  test.each([
    ['both', ['Content-Length', '5', 'Transfer-Encoding', 'chunked'], '1.1', 'ERR_HTTP_FRAMING'],
    ['two lengths', ['Content-Length', '5', 'Content-Length', '5'], '1.1', 'ERR_HTTP_FRAMING'],
    ['another coding', ['Transfer-Encoding', 'gzip, chunked'], '1.1', 'ERR_HTTP_CODING'],
    ['chunks in HTTP/1.0', ['Transfer-Encoding', 'chunked'], '1.0', 'ERR_HTTP_FRAMING'],
  ])('is refused with %s', (_, headers, version, code) => {
    expect(ofResponse(headers, 200, 'GET', version)).toBe(code);
  });
});

describe('fields of this hop', () => {
  test('are those of RFC 9110 §7.6.1 and what Connection names, in any case', () => {
    const headers = ['Host', 'a', 'Connection', 'X-One, close', 'x-one', '1', 'connection', 'x-TWO', 'X-Two', '2', 'Keep-Alive', 'timeout=5', 'Proxy-Connection', 'x', 'Proxy-Authorization', 'Basic x', 'Proxy-Authenticate', 'x', 'TE', 'trailers', 'Trailer', 'X-Sum', 'Transfer-Encoding', 'chunked', 'Upgrade', 'x', 'X-Three', '3']; // prettier-ignore
    expect(readHeaderFacts(headers).endToEnd).toEqual(['Host', 'a', 'X-Three', '3']);
  });

  test('never include what a sender could want to take from the next hop', () => {
    const victims = ['Host', 'Content-Length', 'Content-Type', 'Content-Encoding', 'Cookie', 'Authorization', 'Via', 'Cache-Control']; // prettier-ignore
    const headers = ['Connection', victims.join(', ')];
    for (const name of victims) headers.push(name, '1');
    expect(readHeaderFacts(headers).endToEnd).toEqual(headers.slice(2));
  });

  test('cost nothing where there are none', () => {
    const headers = ['Host', 'a', 'Accept', '*/*'];
    expect(readHeaderFacts(headers).endToEnd).toBe(headers);
  });

  test('keep case, order and duplicates of the others', () => {
    const headers = ['SET-cookie', 'a', 'connection', 'close', 'set-Cookie', 'b'];
    expect(endToEndFields(headers, ['close'])).toEqual(['SET-cookie', 'a', 'set-Cookie', 'b']);
  });
});

describe('facts', () => {
  test('name what the proxy needs', () => {
    const facts = readHeaderFacts(['Host', 'a', 'Expect', '100-continue', 'Via', '1.1 a', 'via', '1.0 b', 'Trailer', 'X', 'trailer', 'Y', 'Proxy-Authorization', 'Basic x']); // prettier-ignore
    expect(facts).toMatchObject({
      host: 'a',
      expect: '100-continue',
      via: '1.1 a, 1.0 b',
      trailer: 'X, Y',
      proxyAuthorization: 'Basic x',
    });
  });

  test('name an upgrade only when Connection does', () => {
    expect(readHeaderFacts(['Upgrade', 'websocket']).upgrade).toBeNull();
    expect(readHeaderFacts(['Upgrade', 'websocket', 'Connection', 'keep-alive, Upgrade']).upgrade).toBe(
      'websocket',
    );
  });

  test('refuse a second Host', () => {
    expect(attempt(() => readHeaderFacts(['Host', 'a', 'host', 'a']))).toBe('ERR_HTTP_HOST');
  });
});

describe('a connection persists', () => {
  test.each([
    ['1.1', [], true],
    ['1.1', ['Connection', 'close'], false],
    ['1.1', ['Connection', 'keep-alive, CLOSE'], false],
    ['1.1', ['Connection', 'keep-alive', 'connection', 'close'], false],
    ['1.0', [], false],
    ['1.0', ['Connection', 'Keep-Alive'], true],
    ['1.0', ['Connection', 'keep-alive, close'], false],
  ])('HTTP/%s with %j: %p', (version, headers, expected) => {
    expect(persists(version, readHeaderFacts(headers))).toBe(expected);
  });
});

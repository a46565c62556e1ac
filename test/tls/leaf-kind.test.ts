import { describe, expect, test } from '@jest/globals';
import type { ClientHello } from '../../src/tls/client-hello.ts';
import { leafKindFor } from '../../src/tls/leaf-kind.ts';

const TLS_1_3 = [0x0304, 0x0303];
const TLS_1_2 = [0x0303];
const ECDSA_SUITE = 0xc02b;
const RSA_SUITE = 0xc02f;

const hello = (
  versions: number[],
  cipherSuites: number[],
  signatureAlgorithms: number[] | null,
): ClientHello => ({
  ...{ serverName: null, alpn: [], extensions: [], ech: false },
  ...{ versions, cipherSuites, signatureAlgorithms },
});

describe('the leaf for a client', () => {
  test.each([
    ['TLS 1.3 that knows ECDSA', hello(TLS_1_3, [0x1301], [0x0403, 0x0804]), 'ec'],
    ['TLS 1.3 with GREASE in front', hello([0x2a2a, ...TLS_1_3], [0x3a3a, 0x1301], [0x1a1a, 0x0403]), 'ec'],
    ['TLS 1.3 with RSA alone', hello(TLS_1_3, [0x1301], [0x0804, 0x0401]), 'rsa'],
    ['TLS 1.3 with other curves alone', hello(TLS_1_3, [0x1301], [0x0503, 0x0804]), 'rsa'],
    ['TLS 1.2 that knows ECDSA', hello(TLS_1_2, [RSA_SUITE, ECDSA_SUITE], [0x0401, 0x0403]), 'ec'],
    ['TLS 1.2 with RSA suites alone', hello(TLS_1_2, [RSA_SUITE, 0x002f], [0x0403]), 'rsa'],
    ['TLS 1.2 with RSA signatures alone', hello(TLS_1_2, [ECDSA_SUITE, RSA_SUITE], [0x0401]), 'rsa'],
    ['TLS 1.2 that does not say', hello(TLS_1_2, [ECDSA_SUITE], null), 'ec'],
    ['TLS 1.0 with RSA suites alone', hello([0x0301], [0x002f, 0x0035], null), 'rsa'],
  ] as const)('with %s', (_, client, kind) => {
    expect(leafKindFor(client)).toBe(kind);
  });
});

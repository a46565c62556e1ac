// Decides from a ClientHello which kind of certificate a client can check: ECDSA wherever possible, as it is
// cheap, RSA for clients that know nothing else. RFC 8446 §4.2.3, RFC 8422 §5.1.

import type { ClientHello } from './client-hello.ts';

const TLS_1_3 = 0x0304;
/** ECDSA on P-256; TLS 1.2 does not tie the curve to the digest. */
const ECDSA_P256 = 0x0403;
const ECDSA_TLS_1_2: readonly number[] = [0x0403, 0x0503, 0x0603];

/** TLS_ECDHE_ECDSA_WITH_… for TLS 1.2 with AEAD or CBC. */
const ECDSA_SUITES: ReadonlySet<number> = new Set([
  ...[0xc009, 0xc00a, 0xc023, 0xc024, 0xc02b, 0xc02c],
  ...[0xc05c, 0xc05d, 0xc072, 0xc073, 0xc086, 0xc087, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xcca9],
]);

/** Kind of certificate for the client that sent this. */
export function leafKindFor({ versions, cipherSuites, signatureAlgorithms }: ClientHello): 'ec' | 'rsa' {
  if (versions.includes(TLS_1_3)) {
    return signatureAlgorithms === null || signatureAlgorithms.includes(ECDSA_P256) ? 'ec' : 'rsa';
  }
  const signs =
    signatureAlgorithms === null ||
    signatureAlgorithms.some((algorithm) => ECDSA_TLS_1_2.includes(algorithm));
  return signs && cipherSuites.some((suite) => ECDSA_SUITES.has(suite)) ? 'ec' : 'rsa';
}

// The TLS that clients of the proxy meet, in intercepted tunnels and on its own listeners: versions, cipher
// suites and who chooses among them. Certificates are their owners' matter. RFC 9325 §4.1, §4.2.

import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/**
 * Ephemeral keys alone: what is recorded today cannot be read with a key that is stolen tomorrow, and nobody can
 * use us as an oracle for RSA padding. CBC comes last, for clients of before 2014, which would otherwise have to
 * be passed through unread.
 */
const CIPHERS = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ...['ECDHE-ECDSA-AES128-SHA', 'ECDHE-RSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA', 'ECDHE-RSA-AES256-SHA'],
].join(':');

/** Options of a TLS context, or of a server that makes one. */
export const TLS_SERVER_SETTINGS: SecureContextOptions = Object.freeze({
  minVersion: 'TLSv1.2',
  ciphers: CIPHERS,
  honorCipherOrder: true,
  // A client without AES in hardware puts ChaCha20 first, and gets it. Nobody negotiates twice (CVE-2011-1473).
  secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_RENEGOTIATION,
});

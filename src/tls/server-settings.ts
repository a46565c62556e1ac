// What every TLS server of ours speaks: towards clients of intercepted sites, on the proxy's listeners and on
// those of the gateway. Certificates are their owners' matter. RFC 9325 §4.1, §4.2; RFC 8446 §9.1.

import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/**
 * Ephemeral keys and authenticated encryption alone, for both kinds of certificate: what is recorded today
 * cannot be read with a key that is stolen tomorrow, and there is no padding to ask questions about. Every
 * client of TLS 1.2 since 2014 has one of them; what has none belongs into a splice rule.
 */
const CIPHERS = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':');

/** Options of a TLS context, or of a server that makes one. */
export const TLS_SERVER_SETTINGS: SecureContextOptions = Object.freeze({
  minVersion: 'TLSv1.2',
  ciphers: CIPHERS,
  honorCipherOrder: true,
  // A client without AES in hardware puts ChaCha20 first, and gets it. Nobody negotiates twice (CVE-2011-1473).
  secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_RENEGOTIATION,
});

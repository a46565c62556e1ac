// TLS with clients, the certificate authority, and the trust stores of the machine.
// src/errors.ts joins the groups into one table; docs/errors.md lists the codes.

import type { ErrorSpec } from './spec.ts';
import { spec } from './spec.ts';

export const TLS_ERRORS = {
  // TLS towards clients, and the certificate authority.
  ERR_TLS_HANDSHAKE: spec(400, 400, false, 'The client must speak TLS and trust the Weir CA.'),
  ERR_TLS_CLIENT_HELLO: spec(400, 400, false, 'Send a TLS ClientHello after CONNECT.'),
  ERR_TLS_NAME: spec(400, 400, false, 'Ask for a valid host name.'),
  ERR_CA_UNREADABLE: spec(
    500,
    500,
    false,
    'Give the Weir user access to the certs folder, or choose another.',
  ),
  ERR_CA_PASSPHRASE: spec(
    500,
    500,
    false,
    'Give the passphrase of the key: in the file of proxy.ca.passphraseFile, or in WEIR_CA_PASSPHRASE.',
  ),
  ERR_CA_INVALID: spec(500, 500, false, 'Remove both CA files to make a new CA, or import a valid pair.'),
  ERR_TRUST_STORE: spec(
    500,
    500,
    false,
    'See what the program says, or do by hand what `weir ca trust --dry-run` prints.',
  ),
  ERR_TRUST_RECORD: spec(500, 500, false, 'Check the file, or move it away and clean the stores by hand.'),
  ERR_SYSTEM_PROXY: spec(500, 500, false, 'Do by hand what `weir system-proxy on --dry-run` prints.'),
} satisfies Record<string, ErrorSpec>;

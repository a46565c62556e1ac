// The section proxy.limits: what one client may send, and how long each step of a request may take. What is
// done with it is src/http, src/http2 and src/proxy/exchange-watch.ts; see docs/limits.md.

import { duration, key, orNull, section, size, whole } from './values.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const DAY = 24 * 3600 * 1000; // milliseconds

const timeLimit = duration(1, DAY);

export const proxyLimits = section(
  {
    connections: key(whole(1, 1_000_000), 10_000, 'Client connections at a time; more are refused.'),
    headerBytes: key(size(KiB, MiB), '64KiB', 'Size of a message head.'),
    headerFields: key(whole(1, 10_000), 200, 'Header fields of a message.'),
    uriBytes: key(size(256, MiB), '32KiB', 'Size of a request target.'),
    headTimeout: key(timeLimit, '30s', 'Time for a complete request head, from its first byte.'),
    idleTimeout: key(
      timeLimit,
      '60s',
      'Time that an unused connection is kept, and longest silence of a client inside a body, sent or taken.',
    ),
    handshakeTimeout: key(timeLimit, '15s', 'Time for the TLS handshake with a client.'),
    bodyRate: key(
      size(0, MiB),
      '100B',
      'Bytes a second that a client has to send of a request body, on average over bodyRateWindow. 0: as slow as it likes.',
    ),
    bodyRateWindow: key(duration(250, DAY), '60s', 'Time over which bodyRate is measured.'),
    totalTimeout: key(
      orNull(timeLimit),
      null,
      'Time from a request to the end of its answer, however fast either flows. Null: no limit.',
    ),
  },
  'Bounds on what a client may ask for.',
);

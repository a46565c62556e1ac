// The section proxy.http2: whether HTTP/2 is spoken on either side of the proxy, and what one connection may
// hold. What is done with it is src/http2 and src/proxy/origin/h2-engine.ts; see docs/http2.md.

import { flag, key, oneOf, read, section, size, whole } from './values.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export type OriginHttp2 = 'auto' | 'always' | 'never';

export const http2 = section(
  {
    client: key(flag, true, 'Whether HTTP/2 is offered to clients inside intercepted tunnels.'),
    origin: key(
      read('true | false | always', readOrigin),
      true,
      'Whether HTTP/2 is offered to origins. True: for requests that came by HTTP/2; always: for all over TLS.',
    ),
    maxStreams: key(whole(1, 10_000), 128, 'Requests at a time on one connection.'),
    window: key(
      size(64 * KiB, 16 * MiB),
      '1MiB',
      'Bytes of one body that may arrive ahead of whoever reads it; times maxStreams, what one connection may make the proxy hold.',
    ),
    altSvc: key(
      oneOf('remove', 'keep'),
      'remove',
      'Whether answers lose Alt-Svc, by which origins lure browsers to HTTP/3, past the proxy.',
    ),
  },
  'HTTP/2, on both sides.',
);

function readOrigin(input: unknown): OriginHttp2 {
  if (input === 'always') return 'always';
  return flag.parse(input) ? 'auto' : 'never';
}

// The schema of proxy.reverse: applications that Weir stands in front of. What a listener does is
// src/app/reverse-listener.ts.

import { parseListen, parseNetwork, parseUrl } from './addresses.ts';
import {
  duration,
  filePath,
  flag,
  key,
  listOf,
  listOfSections,
  oneOf,
  read,
  required,
  sectionOrNull,
} from './values.ts';

const MINUTE = 60_000; // milliseconds

export const proxyReverse = listOfSections(
  {
    listen: required(read('host:port', parseListen), 'Address and port.'),
    target: required(
      read('URL', (input) => parseUrl(['http:', 'https:'], input)),
      'The application behind it.',
    ),
    tls: sectionOrNull(
      {
        cert: required(filePath, 'PEM file with the certificate chain.'),
        key: required(filePath, 'PEM file with the private key.'),
      },
      'Makes this listener an HTTPS one.',
    ),
    trustForwarded: listOf(
      read('network', parseNetwork),
      [],
      'Networks of balancers in front whose X-Forwarded fields are kept; those of everybody else are replaced.',
    ),
    forwarded: key(
      oneOf('x-forwarded', 'forwarded', 'both', 'none'),
      'x-forwarded',
      'Fields that tell the application of the client: X-Forwarded-For, -Proto and -Host; Forwarded (RFC 7239); both; none.',
    ),
    passHost: key(
      flag,
      true,
      'Whether the application gets the Host that the client asked for, and not that of its own URL.',
    ),
    keepAlive: key(
      duration(0, 10 * MINUTE),
      '15s',
      'Time that an unused connection to the application is kept, shorter where it says so. 0s: each request has one of its own.',
    ),
  },
  { preset: [] },
  'Applications that Weir stands in front of: requests and responses go through adaptation.rules.',
);

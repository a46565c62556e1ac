// The schema of what the gateway remembers (`gateway.verdicts`, `gateway.background`, `gateway.quarantine`),
// and of the rules by which clients get a profile of their own (`gateway.services.*.rules`).

import { parseNetwork } from './addresses.ts';
import {
  duration,
  filePath,
  key,
  listOf,
  listOfSections,
  name,
  orNull,
  read,
  required,
  section,
  size,
  whole,
} from './values.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const MINUTE = 60_000; // milliseconds
const DAY = 24 * 60 * MINUTE;
const network = read('network', parseNetwork);

export const verdicts = section(
  {
    folder: key(
      orNull(filePath),
      null,
      'Folder of the remembered verdicts. Null: .weir/verdicts of the checkout, or $XDG_STATE_HOME/weir/verdicts when installed.',
    ),
    entries: key(whole(100, 10_000_000), 50_000, 'Verdicts that are remembered; the least used go first.'),
    maxAge: key(duration(MINUTE, 365 * DAY), '168h', 'Time that a verdict is remembered.'),
  },
  'What is remembered of content that was judged, see profiles.md.',
);

export const background = section(
  {
    queue: key(
      whole(1, 100_000),
      64,
      'Messages that wait for background blades; further ones are not judged.',
    ),
    bytes: key(size(MiB, 1024 * GiB), '512MiB', 'Size of all their bodies together.'),
    atOnce: key(whole(1, 256), 2, 'Messages that background blades work on at a time.'),
  },
  'Blades of mode background, see profiles.md.',
);

export const quarantine = section(
  {
    folder: key(
      orNull(filePath),
      null,
      'Folder of blocked bodies. Null: .weir/quarantine of the checkout, or $XDG_STATE_HOME/weir/quarantine when installed.',
    ),
    maxBytes: key(size(MiB, 1024 * GiB), '256MiB', 'Size of all of it; the oldest go first.'),
    maxAge: key(duration(MINUTE, 3650 * DAY), '720h', 'Time that a body is kept.'),
    maxFile: key(
      size(1, 1024 * GiB),
      '32MiB',
      'Largest body that is kept; of larger ones only the description.',
    ),
  },
  'Bodies that were blocked, where the profile keeps them; see quarantine.md.',
);

export const serviceRules = listOfSections(
  {
    icapClients: listOf(network, [], 'Networks of the ICAP clients that it is for. Empty: all.'),
    clients: listOf(
      network,
      [],
      'Networks of the users behind them, as X-Client-IP says where it is believed. Empty: all.',
    ),
    profile: required(name, 'Profile that their messages are scanned with.'),
  },
  { preset: [] },
  'Profiles for certain clients; the first rule that fits decides, without one `profile`.',
);

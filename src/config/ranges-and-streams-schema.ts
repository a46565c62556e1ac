// The schema of adaptation.ranges and adaptation.streams: what happens to requests for a part of an object,
// and to bodies that never end. What the keys do is src/proxy/ranges and src/proxy/streams.

import { notAllowed } from './problems.ts';
import { duration, key, listOf, oneOf, orNull, read, section, size } from './values.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const SECOND = 1000; // milliseconds
const HOUR = 3600 * SECOND;

/** Never all types: whatever has no length would be a stream then, files among it. */
const streamType = read('media type', (input) => {
  const pattern = /^[\w.+-]{1,64}\/(?:\*|[\w.+-]{1,64})$/;
  if (typeof input === 'string' && pattern.test(input) && input !== '*/*') return input.toLowerCase();
  throw notAllowed('a media type such as text/event-stream or audio/*', input);
});

export const adaptationRanges = section(
  {
    mode: key(
      oneOf('whole', 'strip', 'fragment', 'block'),
      'whole',
      'What a request for a part (Range) becomes where RESPMOD rules may be for it. whole: the object is fetched and scanned as a whole, and the part served from it; strip: the client gets all of it; fragment: services see the part; block: refused.',
    ),
    max: key(
      size(0, GiB * KiB),
      '256MiB',
      'Largest object that is fetched for a part of it. Beyond it the part passes as `notScanned.range` says.',
    ),
    keep: key(
      duration(0, 24 * HOUR),
      '2m',
      'Time that a scanned object is kept for further parts of it. 0s: only for requests that wait for it.',
    ),
    total: key(size(0, GiB * KiB), '1024MiB', 'Bytes of all objects that are kept.'),
    share: key(
      oneOf('all', 'client'),
      'all',
      'Whether an object serves other clients too. Never where the response is private, or cookies or passwords go with the request.',
    ),
  },
  'Requests for a part of an object: players, resumed downloads, download managers.',
);

export const adaptationStreams = section(
  {
    types: listOf(
      streamType,
      [
        'text/event-stream',
        'multipart/x-mixed-replace',
        'audio/*',
        'video/*',
        'application/grpc',
        'application/grpc+proto',
        'application/grpc-web',
        'application/grpc-web+proto',
        'application/grpc-web-text',
      ],
      'Media types of bodies that have no end, where no length is announced.',
    ),
    policy: key(
      oneOf('window', 'bypass', 'block'),
      'window',
      'window: services see one piece after the other, and each goes on once it is clean; bypass: passes as `notScanned.stream` says; block: refused.',
    ),
    window: key(size(KiB, 16 * MiB), '64KiB', 'Greatest piece.'),
    overlap: key(size(0, MiB), '4KiB', 'Bytes of the piece before that services see again with each.'),
    every: key(
      duration(10, HOUR),
      '1s',
      'Longest time that bytes wait for more of their piece; after a pause they do not wait.',
    ),
    quietAfter: key(
      orNull(duration(10, HOUR)),
      '2s',
      'Age at which a text or JSON response without length that is still being waited for counts as a stream, if little of it has come; keep it below `hold.after`. Null: never.',
    ),
    quietBytes: key(size(0, 16 * MiB), '64KiB', 'What counts as little: fewer bytes than this.'),
  },
  'Bodies that never end: event streams, live audio and video, long polling.',
);

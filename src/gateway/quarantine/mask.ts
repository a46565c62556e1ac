// How quarantined bodies lie on disk: XORed with a key that stands in front of them, behind a mark that no
// program opens. It keeps nothing secret; it keeps scanners and users from opening a file by accident.

import { randomBytes } from 'node:crypto';
import { Transform } from 'node:stream';
import { HttpError } from '../../errors.ts';

const MARK = Buffer.from('WEIR-QUARANTINE-1\n', 'latin1');
const KEY_BYTES = 64;
const HEADER_BYTES = MARK.length + KEY_BYTES;

/** A stream from a body to its masked form. */
export function masking(): Transform {
  const key = randomBytes(KEY_BYTES);
  let at = 0;
  return new Transform({
    construct(done) {
      this.push(Buffer.concat([MARK, key]));
      done();
    },
    transform(chunk: Buffer, _, done) {
      const masked = Buffer.from(chunk);
      at = xor(masked, key, at);
      done(null, masked);
    },
  });
}

/** A stream from the masked form back to the body; fails with `ERR_SPOOL` for what is no masked body. */
export function unmasking(): Transform {
  let header: Buffer = Buffer.alloc(0);
  let key: Buffer | null = null;
  let at = 0;
  const notMasked = (): HttpError => new HttpError('ERR_SPOOL', 'not a quarantined body, or damaged');
  return new Transform({
    transform(chunk: Buffer, _, done) {
      let body = chunk;
      if (key === null) {
        header = Buffer.concat([header, chunk]);
        if (header.length < HEADER_BYTES) return done();
        if (!header.subarray(0, MARK.length).equals(MARK)) return done(notMasked());
        key = header.subarray(MARK.length, HEADER_BYTES);
        body = header.subarray(HEADER_BYTES);
      }
      const plain = Buffer.from(body);
      at = xor(plain, key, at);
      done(null, plain);
    },
    flush: (done) => done(key === null ? notMasked() : null),
  });
}

/** In place. @returns position in the key for the next byte */
function xor(bytes: Buffer, key: Buffer, from: number): number {
  let at = from;
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = bytes[i]! ^ key[at]!;
    at = (at + 1) & (KEY_BYTES - 1);
  }
  return at;
}

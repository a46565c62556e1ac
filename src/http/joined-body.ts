// A body made of two: a prefix and, behind it, another body from some byte on. Nothing is copied, and
// whoever consumes the result slows the part that is being read. Used where a service changed only the
// start of a message (RFC 3507's 206, C-64).

import { Body } from './body.ts';

/**
 * @param prefix  comes first; null: nothing does
 * @param rest  comes next, with its trailers; belongs to the result from now on
 * @param from  bytes of `rest` that are left out; past its end nothing of it is left
 */
export function joinBodies(prefix: Body | null, rest: Body, from: number): Body {
  if (prefix === null && from === 0) return rest;
  let current = prefix ?? rest;
  let skip = from;
  const body: Body = new Body(
    {
      resume: () => current.resume(),
      cancel: (reason) => {
        prefix?.cancel(reason);
        rest.cancel(reason);
      },
      released: () => rest.released(),
    },
    joinedLength(prefix, rest, from),
  );
  const goOn = (): void => {
    current = rest;
    rest.consume({
      onData(chunk) {
        if (skip >= chunk.length) {
          skip -= chunk.length;
          return true;
        }
        const kept = skip === 0 ? chunk : chunk.subarray(skip);
        skip = 0;
        return body.push(kept);
      },
      onEnd: (trailers) => body.end(trailers),
      onError: (error) => body.fail(error),
    });
  };
  if (prefix === null) goOn();
  else {
    prefix.consume({
      onData: (chunk) => body.push(chunk),
      onEnd: () => {
        if (!body.settled) goOn();
      },
      onError: (error) => {
        rest.cancel(error);
        body.fail(error);
      },
    });
  }
  return body;
}

function joinedLength(prefix: Body | null, rest: Body, from: number): number | null {
  const first = prefix === null ? 0 : knownLength(prefix);
  const second = knownLength(rest);
  return first === null || second === null ? null : first + Math.max(0, second - from);
}

/** Bytes of a body that nobody has read from yet; null while they are not known. */
export function knownLength(body: Body): number | null {
  if (body.ended) return body.error === null ? body.pushedBytes : null;
  return body.declaredLength;
}

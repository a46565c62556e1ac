// Whether a complete response is a right answer to the request: the status must be legal for what was
// offered, and the body as long as its own header says. C-46, C-50, C-51, C-61, C-65.

import type { LoadMessage } from './message.ts';
import type { ResponseScanner } from './response-scanner.ts';

/**
 * - `connect`: no connection could be opened;
 * - `closed`: the connection ended before the answer did;
 * - `timeout`: the answer did not come in time;
 * - `protocol`: the answer breaks ICAP, or was not allowed by the request;
 * - `status`: an answer that is not one of those expected;
 * - `length`: the body is not as long as it should be.
 */
export type FailureKind = 'connect' | 'closed' | 'timeout' | 'protocol' | 'status' | 'length';

export interface Failure {
  readonly kind: FailureKind;
  /** One line, e.g. `503 Service Overloaded`. */
  readonly text: string;
}

export interface Expectations {
  /** Final statuses that are right; null: 200, 204 and 206 as far as the request allows them. */
  readonly statuses: readonly number[] | null;
  /** A 200 or 206 must bring a body of the length that was sent, as an echo service does. */
  readonly sameBody: boolean;
}

export interface Judgement {
  readonly failure: Failure | null;
  /** An adapted message came back whose body has another length than the one sent. */
  readonly changed: boolean;
}

const RIGHT: Judgement = { failure: null, changed: false };
const CHANGED: Judgement = { failure: null, changed: true };
const USUAL = [200, 201, 204, 206];

/**
 * Judges a final response.
 *
 * @param continued  100 was read and the rest of the body was sent
 */
export function judge(
  scanner: ResponseScanner,
  message: LoadMessage,
  continued: boolean,
  expected: Expectations,
): Judgement {
  const { status, reason } = scanner.head!;
  if (!(expected.statuses ?? USUAL).includes(status)) return wrong('status', `${status} ${reason}`.trim());
  if (message.method === 'OPTIONS' || status >= 300) return RIGHT;
  const inPreview = message.hasPreview && !continued;
  const may204 = message.allow204 || inPreview;
  if (status === 204) return may204 ? RIGHT : wrong('protocol', '204 that the request does not allow (C-50)');
  if (status === 206 && !(message.allow206 && may204)) {
    return wrong('protocol', '206 that the request does not allow (C-61)');
  }
  return judgeBody(scanner, message.bodyBytes, expected.sameBody);
}

function judgeBody(scanner: ResponseScanner, sent: number | null, sameBody: boolean): Judgement {
  const { contentLength, originalOffset } = scanner;
  const hasBody = scanner.head!.encapsulated.body !== null;
  let bytes = scanner.bodyBytes;
  if (originalOffset !== null) {
    if (originalOffset > (sent ?? 0)) {
      return wrong('length', `use-original-body=${originalOffset}, and ${sent ?? 0} bytes were sent (C-65)`);
    }
    bytes += (sent ?? 0) - originalOffset;
  }
  if (hasBody && contentLength !== null && bytes !== contentLength) {
    return wrong('length', `Content-Length is ${contentLength}, and the body has ${bytes} bytes`);
  }
  if (bytes === (sent ?? 0)) return RIGHT;
  return sameBody ? wrong('length', `${sent ?? 0} bytes were sent, and ${bytes} came back`) : CHANGED;
}

function wrong(kind: FailureKind, text: string): Judgement {
  return { failure: { kind, text }, changed: false };
}

// The file of `weir record`: what a line of it says. A first line names the format; then each transaction is
// one line of JSON, the bytes of the request body, those of the response body, and a line feed.

import type { ProxyRecord } from '../telemetry/records.ts';
import type { CapturedRequest, CapturedResponse } from './capture.ts';

export const RECORDING_VERSION = 1;

/** First line of a recording. */
export interface RecordingHeader {
  readonly format: 'weir-recording';
  readonly version: number;
  /** ISO 8601. */
  readonly created: string;
  /** What made it, e.g. `weir 0.1.0` or `HAR of Firefox`. */
  readonly by: string;
}

/** A body that follows its line. */
export interface RecordedBody {
  /** Bytes in the file. */
  readonly bytes: number;
  /** Bytes that there were; more than `bytes` where it was cut. */
  readonly seen: number;
  /** False where it was cut, or broke off. */
  readonly complete: boolean;
}

/** One transaction as it was. */
export interface RecordedTransaction {
  readonly id: string;
  /** When it began, ISO 8601. */
  readonly time: string;
  readonly ms: number;
  readonly client: string | null;
  readonly user: string | null;
  readonly serverIp: string | null;
  /** Where only one of its messages was seen; absent: both. */
  readonly points?: readonly ('REQMOD' | 'RESPMOD')[];
  readonly request: CapturedRequest & { readonly body: RecordedBody | null };
  /** The origin's; null where it was not asked, or has not answered. */
  readonly response: (CapturedResponse & { readonly body: RecordedBody | null }) | null;
  /** What became of it; null where that is not known, as in a HAR file. */
  readonly outcome: RecordedOutcome | null;
}

export interface RecordedOutcome {
  /** What the client got. */
  readonly status: number;
  readonly verdict: ProxyRecord['verdict'];
  readonly threat: string | null;
  readonly blade: string | null;
  /** Why it was not scanned, or null. */
  readonly notScanned: string | null;
  readonly services: readonly string[];
}

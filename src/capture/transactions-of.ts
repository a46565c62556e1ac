// Opens whatever holds transactions: a recording of `weir record`, a HAR file, or a capture of ICAP packets.
// Which of them it is, its first bytes say.

import { open } from 'node:fs/promises';
import { HttpError, messageOf } from '../errors.ts';
import { readHar } from './har.ts';
import type { ReadVerdict } from './icap-capture.ts';
import { readIcapCapture } from './icap-capture.ts';
import type { ReadTransaction } from './recording-reader.ts';
import { readRecording } from './recording-reader.ts';

export type TransactionFormat = 'recording' | 'HAR' | 'packets';

/** First bytes of pcap in both byte orders, with micro- and nanoseconds, and of pcapng. */
const PACKETS = new Set(['a1b2c3d4', 'd4c3b2a1', 'a1b23c4d', '4d3cb2a1', '0a0d0d0a']);

/** @throws {HttpError} `ERR_RECORDING`: the file cannot be read */
export async function formatOf(path: string): Promise<TransactionFormat> {
  const start = Buffer.alloc(64);
  try {
    await using file = await open(path, 'r');
    await file.read(start, 0, start.length, 0);
  } catch (error) {
    throw new HttpError('ERR_RECORDING', `cannot read ${path}: ${messageOf(error)}`, { path }, error);
  }
  if (PACKETS.has(start.toString('hex', 0, 4))) return 'packets';
  return start.toString('latin1').startsWith('{"format":"weir-recording"') ? 'recording' : 'HAR';
}

/**
 * All transactions of a file, in order.
 * @param verdictOf  reads the answers of a packet capture
 * @throws {HttpError} `ERR_RECORDING`, also after some were yielded
 */
export async function* transactionsOf(
  path: string,
  verdictOf: ReadVerdict,
): AsyncGenerator<ReadTransaction, void> {
  const format = await formatOf(path);
  if (format === 'recording') yield* readRecording(path);
  else if (format === 'HAR') yield* readHar(path);
  else yield* readIcapCapture(path, verdictOf);
}

// Writes transactions into a file of `weir record`, one after the other and in the order in which they ended.
// Bodies come from their copies piece by piece. A disk that fails ends the recording, never the traffic.

import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { HttpError, messageOf } from '../errors.ts';
import type { SpoolOptions } from '../http/spool.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import { withoutSecrets, withoutUserInfo } from '../trace/redaction.ts';
import type { BodyCopy } from './body-copy.ts';
import type { CaptureSink, TransactionCapture } from './capture.ts';
import type { RecordedBody, RecordedOutcome, RecordedTransaction, RecordingHeader } from './recording.ts';
import { RECORDING_VERSION } from './recording.ts';

export interface RecordingOptions {
  /** Of the program, e.g. `weir 0.1.0`. */
  readonly by: string;
  /** Bytes of each body that are kept; longer ones are cut. */
  readonly bodyBytes: number;
  /** Bytes of the file, beyond which nothing is added. */
  readonly fileBytes: number;
  readonly spool: SpoolOptions;
  /** Whether cookies, tokens and passwords in header fields are kept. */
  readonly secrets: boolean;
  /** Told once when no more can be written. */
  readonly onFailure?: (error: Error) => void;
}

const PIECE = 256 * 1024; // bytes of a body that are in memory while it is written
const MAX_WAITING = 1024; // transactions that wait to be written

export class RecordingWriter implements CaptureSink {
  readonly bodyBytes: number;
  readonly wireBytes = 0;
  readonly spool: SpoolOptions;
  /** Transactions in the file. */
  written = 0;
  /** Those that were left out: the file was full, or the disk too slow. */
  leftOut = 0;
  /** Bytes of the file. */
  size = 0;
  readonly #options: RecordingOptions;
  readonly #file: FileHandle;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #failed = false;

  private constructor(file: FileHandle, options: RecordingOptions) {
    this.#file = file;
    this.#options = options;
    this.bodyBytes = options.bodyBytes;
    this.spool = options.spool;
  }

  /**
   * Makes the file, with mode 0600.
   * @param force  takes the place of a file that is there
   * @throws {HttpError} `ERR_RECORDING_EXISTS`: the file is there; `ERR_RECORDING`: it cannot be made
   */
  static async create(path: string, options: RecordingOptions, force = false): Promise<RecordingWriter> {
    try {
      const file = await open(path, force ? 'w' : 'wx', 0o600);
      if (force) await file.chmod(0o600);
      const writer = new RecordingWriter(file, options);
      const header: RecordingHeader = {
        format: 'weir-recording',
        version: RECORDING_VERSION,
        created: new Date().toISOString(),
        by: options.by,
      };
      await writer.#append(Buffer.from(`${JSON.stringify(header)}\n`));
      return writer;
    } catch (error) {
      const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
      if (isThere) throw new HttpError('ERR_RECORDING_EXISTS', `${path} is there already`, { path }, error);
      throw new HttpError(
        'ERR_RECORDING',
        `cannot record into ${path}: ${messageOf(error)}`,
        { path },
        error,
      );
    }
  }

  take(capture: TransactionCapture, record: ProxyRecord): void {
    const isFull = this.size >= this.#options.fileBytes || this.#waiting >= MAX_WAITING;
    if (capture.request === null || this.#failed || isFull) {
      if (capture.request !== null) this.leftOut++;
      return capture.dispose();
    }
    this.#waiting++;
    this.#turn = this.#turn.then(() => this.#write(capture, record));
  }

  /** Writes a transaction whose bodies are in memory, e.g. an imported one. */
  async add(transaction: RecordedTransaction, bodies: readonly (Buffer | null)[]): Promise<void> {
    await this.#append(Buffer.from(`${JSON.stringify(transaction)}\n`));
    for (const body of bodies) if (body !== null) await this.#append(body);
    await this.#append(LINE_FEED);
    this.written++;
  }

  /** Resolves when everything is written and the file is closed. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#file.close();
  }

  async #write(capture: TransactionCapture, record: ProxyRecord): Promise<void> {
    this.#waiting--;
    if (this.#failed) {
      this.leftOut++;
      return capture.dispose();
    }
    try {
      const line = transactionOf(capture, record, this.#options.secrets);
      await this.#append(Buffer.from(`${JSON.stringify(line)}\n`));
      await this.#copy(capture.requestBody);
      await this.#copy(capture.responseBody);
      await this.#append(LINE_FEED);
      this.written++;
    } catch (error) {
      this.#failed = true; // the end of the file is not whole: nothing may follow
      this.leftOut++;
      this.#options.onFailure?.(error as Error);
    } finally {
      capture.dispose();
    }
  }

  async #copy(body: BodyCopy | null): Promise<void> {
    if (body === null) return;
    for (let at = 0; at < body.size; at += PIECE) {
      const piece = await body.part(at, Math.min(PIECE, body.size - at));
      if (piece.length === 0) throw new Error('a copy of a body is gone: its folder is full, or was emptied');
      await this.#append(piece);
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    await this.#file.appendFile(bytes);
    this.size += bytes.length;
  }
}

const LINE_FEED = Buffer.from('\n');

function transactionOf(
  capture: TransactionCapture,
  record: ProxyRecord,
  secrets: boolean,
): RecordedTransaction {
  const request = capture.request!;
  const { response } = capture;
  return {
    id: record.id,
    time: new Date(capture.startedAtMs).toISOString(),
    ms: Math.round(record.ms * 100) / 100,
    client: record.client,
    user: record.user,
    serverIp: capture.serverIp,
    request: {
      method: request.method,
      url: secrets ? request.url : withoutUserInfo(request.url),
      headers: secrets ? request.headers : withoutSecrets(request.headers),
      body: bodyOf(capture.requestBody),
    },
    response:
      response === null
        ? null
        : {
            status: response.status,
            reason: response.reason,
            headers: secrets ? response.headers : withoutSecrets(response.headers),
            body: bodyOf(capture.responseBody),
          },
    outcome: outcomeOf(record),
  };
}

/** What a log record says of what became of its transaction. */
export function outcomeOf(record: ProxyRecord): RecordedOutcome {
  return {
    status: record.status,
    verdict: record.verdict,
    threat: record.threat?.name ?? null,
    blade: record.threat?.blade ?? null,
    notScanned: record.coverage?.state === 'not-scanned' ? record.coverage.reason : null,
    services: [...new Set(record.adaptation.map(({ service }) => service))],
  };
}

function bodyOf(copy: BodyCopy | null): RecordedBody | null {
  return copy === null ? null : { bytes: copy.size, seen: copy.seen, complete: copy.complete };
}

// One answer whose client does not wait for it on its connection: its scan while that runs, its bytes when
// they are verified. Who may ask for it is waiting-room.ts, what they get visit.ts.

import type { WeirError } from '../../errors.ts';
import { HttpError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import type { Answer } from '../../http/server-connection.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import { Spool } from '../../http/spool.ts';
import type { ProxyRecord } from '../../telemetry/records.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import type { Coverage } from '../adaptation/coverage.ts';

/** What came out of the scan, for the log records of the transaction and of whoever fetches its answer. */
export type ScanOutcome = Pick<ProxyRecord, 'verdict' | 'threat' | 'incident'> & {
  readonly coverage: Coverage | null;
};

export interface TicketOptions {
  /** Unguessable, 22 characters of base64url. */
  readonly id: string;
  /** Id of the transaction that scans. */
  readonly transaction: string;
  /** As the client asked for it, absolute. */
  readonly url: string;
  readonly client: string;
  readonly user: string | null;
  /** Equal for requests that would get the same answer. */
  readonly key: string;
  /** From one visit to the next, or from the last to the end. */
  readonly lifeMs: number;
  readonly spool: SpoolOptions;
  /** Of the transaction. */
  readonly cancellation: Cancellation;
  /** Of the origin; null where it has none. */
  readonly body: Body | null;
  /** Its time is over. */
  onExpired(ticket: Ticket): void;
}

export class Ticket implements HasDeadline {
  deadlineAt: number;
  readonly options: TicketOptions;
  readonly startedAt = performance.now();
  /** Somebody has got all of it. */
  delivered = false;
  #spool: Spool | null = null;
  #kept: { readonly answer: Answer; readonly outcome: ScanOutcome } | null = null;
  #error: WeirError | null = null;
  #over = false;

  constructor(options: TicketOptions) {
    this.options = options;
    this.deadlineAt = this.startedAt + options.lifeMs;
  }

  /** There is an answer to be fetched: the verified one, a block page, or an error. */
  get isSettled(): boolean {
    return this.#kept !== null || this.#error !== null;
  }

  get error(): WeirError | null {
    return this.#error;
  }

  /** Bytes that have come from the origin, of how many if it said, and whether these are all. */
  get progress(): { received: number; total: number | null; complete: boolean } {
    const { body } = this.options;
    if (body === null) return { received: 0, total: null, complete: true };
    return { received: body.pushedBytes, total: body.declaredLength, complete: body.ended };
  }

  /** Somebody has asked for it. */
  visited(): void {
    this.deadlineAt = performance.now() + this.options.lifeMs;
  }

  onDeadline(): void {
    this.options.onExpired(this);
  }

  /**
   * Keeps the answer until it is fetched; resolves when all of it is here.
   * @throws {WeirError} `ERR_SPOOL`, the error of a body that breaks off, `ERR_ABORTED` where the ticket is over
   */
  async keep(answer: Answer, outcome: ScanOutcome): Promise<void> {
    if (this.#over) {
      answer.body?.cancel();
      throw this.options.cancellation.reason ?? over();
    }
    if (answer.body !== null) this.#spool = await keptWhole(answer.body, this.options);
    if (this.#over) {
      this.#spool?.dispose();
      throw over();
    }
    this.#kept = { answer, outcome };
    this.visited();
  }

  /** There will be no answer. */
  fail(error: WeirError): void {
    if (this.isSettled) return;
    this.#error = error;
    this.visited();
  }

  /** The kept answer; may be called again. Null where there is none. */
  fetch(): { readonly answer: Answer; readonly outcome: ScanOutcome } | null {
    if (this.#kept === null) return null;
    const { answer, outcome } = this.#kept;
    return { answer: { ...answer, body: this.#spool?.read() ?? null }, outcome };
  }

  /** Nobody may fetch it any more: a scan that runs is given up, what was kept is freed. */
  end(reason: WeirError): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.isSettled) this.options.cancellation.cancel(reason);
    this.#spool?.dispose();
  }
}

function keptWhole(body: Body, { spool: options, cancellation }: TicketOptions): Promise<Spool> {
  const spool = new Spool(options);
  const go = (): void => body.resume();
  return new Promise<Spool>((resolve, reject) => {
    const stopWatching = cancellation.onCancel((reason) => {
      body.cancel(reason);
      reject(reason);
    });
    const failed = (error: Error): void => {
      stopWatching();
      reject(error);
    };
    body.pin();
    body.consume({
      onData(chunk) {
        const more = spool.append(chunk, go);
        if (spool.error === null) return more;
        body.cancel(spool.error);
        failed(spool.error);
        return true;
      },
      onEnd() {
        stopWatching();
        spool.flush().then(() => resolve(spool), reject);
      },
      onError: failed,
    });
  }).catch((error: unknown) => {
    spool.dispose();
    throw error;
  });
}

function over(): HttpError {
  return new HttpError('ERR_ABORTED', 'nobody may fetch the answer any more');
}

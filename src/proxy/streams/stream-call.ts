// One stream on its way: refused, past all services, or window by window through them. Each window is a message
// of its own with the same head, so that nothing is open between two of them. Cutting windows is window-pump.ts.

import { HttpError, IcapError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body, collectBody } from '../../http/body.ts';
import { withoutField } from '../../icap/codec/fields.ts';
import type { ModMethod } from '../../icap/service.ts';
import { TransactionNotes } from '../../trace/notes.ts';
import type { AdaptationPipeline, PipelineInput, PipelineOutput, StepTrace } from '../adaptation/pipeline.ts';
import type { StreamSettings, StreamShape } from './shape.ts';
import { firstBytes, isOfFile } from './shape.ts';
import { WindowPump } from './window-pump.ts';

/** What the log says of a stream; `windows` grows while it runs. */
export interface StreamRecord {
  readonly shape: StreamShape;
  readonly policy: 'window' | 'bypass' | 'block';
  /** Windows that were judged. */
  windows: number;
}

/** What a transaction does with the outcome. */
export interface StreamTransaction {
  readonly id: string;
  readonly trace: StepTrace[];
  /** A message that was held is a stream. False where something has been sent ahead of its verdict: it stays held. */
  claimsStream(): boolean;
  /** The message is a stream. */
  onStream(record: StreamRecord): void;
  /** A later window was judged otherwise than all before. */
  onOutput(output: PipelineOutput): void;
}

const MAX_GROWTH = 64 * 1024; // bytes that a service may add to a window

/** One stream on its way. */
export class StreamCall {
  readonly #pipeline: AdaptationPipeline;
  readonly #method: ModMethod;
  readonly #input: PipelineInput;
  readonly #body: Body;
  readonly #settings: StreamSettings;
  readonly #transaction: StreamTransaction;
  readonly #record: StreamRecord;

  constructor(
    pipeline: AdaptationPipeline,
    method: ModMethod,
    input: PipelineInput,
    body: Body,
    settings: StreamSettings,
    shape: StreamShape,
    transaction: StreamTransaction,
  ) {
    this.#pipeline = pipeline;
    this.#method = method;
    this.#input = input;
    this.#body = body;
    this.#settings = settings;
    this.#transaction = transaction;
    this.#record = { shape, policy: settings.policy, windows: 0 };
  }

  async run(): Promise<PipelineOutput> {
    const { policy } = this.#settings;
    if (policy !== 'window') {
      this.#transaction.onStream(this.#record);
      return policy === 'block' ? this.#refuse() : this.#passUnseen();
    }
    await this.#begun();
    const body = this.#body;
    // It has an end after all, or is a file behind a false name: all of it is looked at, as of any other.
    const isWhole = body.ended || isOfFile(firstBytes(body));
    if (isWhole) {
      return this.#pipeline.run(this.#method, { ...this.#input, body }, this.#transaction.trace);
    }
    this.#transaction.onStream(this.#record);
    return this.#firstWindow();
  }

  #refuse(): never {
    const error = new HttpError(
      'ERR_ADAPT_NOT_SCANNED',
      'adaptation.streams.policy lets no streams pass (stream)',
      { reason: 'stream' },
    );
    this.#body.cancel(error);
    throw error;
  }

  #passUnseen(): PipelineOutput {
    try {
      const coverage = this.#pipeline.leftOut('stream', this.#method);
      return { ...UNCHANGED, body: this.#body, coverage };
    } catch (error) {
      this.#body.cancel(error as WeirError);
      throw error;
    }
  }

  /** First bytes are here, or the head has waited long enough for them. */
  #begun(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#settings.everyMs);
      this.#body.whenReady(1, () => {
        clearTimeout(timer);
        // What follows in the same packet belongs to it.
        setImmediate(resolve);
      });
    });
  }

  /** Judges the head with the first bytes, or alone where there are none yet. */
  async #firstWindow(): Promise<PipelineOutput> {
    const body = this.#body;
    const seen = body.take(this.#settings.windowBytes);
    let output: PipelineOutput;
    try {
      output = await this.#judge(seen, this.#input.notes ?? null, this.#transaction.trace);
    } catch (error) {
      body.cancel(error as WeirError);
      throw error;
    }
    const replaced = this.#replacement(output);
    if (replaced !== null) {
      body.cancel(replaced);
      return output;
    }
    const passed = await this.#passed(output, NOTHING, seen);
    const first = seen.length === 0 ? null : { seen, passed };
    const pump = new WindowPump(
      body,
      this.#settings,
      {
        window: (repeated, fresh) => this.#nextWindow(repeated, fresh),
        whole: (rest) => this.#rest(rest),
      },
      first,
    );
    const { request, response } = output;
    return {
      ...output,
      body: pump.judged,
      request: request === null ? null : { ...request, headers: withoutField(request.headers, LENGTH) },
      response: response === null ? null : { ...response, headers: withoutField(response.headers, LENGTH) },
    };
  }

  async #nextWindow(repeated: Buffer, fresh: readonly Buffer[]): Promise<readonly Buffer[]> {
    const output = await this.#noted((notes, trace) => this.#judge([repeated, ...fresh], notes, trace));
    const replaced = this.#replacement(output);
    if (replaced !== null) {
      output.body?.cancel();
      throw replaced;
    }
    return this.#passed(output, repeated, fresh);
  }

  async #rest(body: Body): Promise<Body> {
    this.#record.windows++;
    const input = { ...this.#input, body };
    const output = await this.#noted((notes, trace) =>
      this.#pipeline.run(this.#method, { ...input, notes }, trace),
    );
    const replaced = this.#replacement(output) ?? (isChanged(output) ? this.#unfollowable() : null);
    if (replaced === null) return output.body ?? Body.of();
    output.body?.cancel();
    throw replaced;
  }

  #judge(
    chunks: readonly Buffer[],
    notes: TransactionNotes | null,
    trace: StepTrace[],
  ): Promise<PipelineOutput> {
    const number = chunks.length === 0 ? 0 : ++this.#record.windows;
    const body = chunks.length === 0 ? null : new Body();
    for (const chunk of chunks) body!.push(chunk);
    body?.end();
    const icapHeaders = ['X-Weir-Stream', `${this.#transaction.id}; part=${number}`];
    return this.#pipeline.run(this.#method, { ...this.#input, body, notes, icapHeaders }, trace);
  }

  /** Steps of a window go to the log only where they changed something: there is no end to windows. */
  async #noted(
    run: (notes: TransactionNotes | null, trace: StepTrace[]) => Promise<PipelineOutput>,
  ): Promise<PipelineOutput> {
    const { notes = null } = this.#input;
    const own = notes === null ? null : new TransactionNotes(notes.bodies, null, null);
    const trace: StepTrace[] = [];
    const publish = (): void => {
      this.#transaction.trace.push(...trace);
      if (notes !== null && own !== null) notes.steps.push(...own.steps);
    };
    try {
      const output = await run(own, trace);
      if (output.verdict === 'blocked') publish();
      if (output.verdict !== 'allowed' || output.coverage?.state !== 'clean') {
        this.#transaction.onOutput(output);
      }
      return output;
    } catch (error) {
      publish();
      throw error;
    }
  }

  /** The error that ends a stream which a service blocks or puts something else in the place of; else null. */
  #replacement({ verdict, threat, request, response }: PipelineOutput): WeirError | null {
    const { windows } = this.#record;
    if (verdict === 'blocked') {
      const text = `window ${windows} of the stream was blocked: ${threat?.name ?? 'policy'}`;
      return new HttpError('ERR_ADAPT_BLOCKED', text, { window: windows });
    }
    const isOther =
      this.#method === 'REQMOD'
        ? response !== null
        : response !== null && response.status !== this.#input.response?.status;
    if (!isOther || request !== null) return null;
    return new HttpError('ERR_ADAPT_BLOCKED', `window ${windows} of the stream was replaced`, {
      window: windows,
    });
  }

  /** What goes on of a window. @throws {IcapError} `ERR_ADAPT_PROTOCOL` where a service changed what is gone */
  async #passed(
    output: PipelineOutput,
    repeated: Buffer,
    fresh: readonly Buffer[],
  ): Promise<readonly Buffer[]> {
    if (!isChanged(output)) {
      output.body?.cancel();
      return fresh;
    }
    const { windowBytes, overlapBytes } = this.#settings;
    const bytes =
      output.body === null
        ? NOTHING
        : await collectBody(output.body, windowBytes + overlapBytes + MAX_GROWTH);
    if (bytes.length < repeated.length || !bytes.subarray(0, repeated.length).equals(repeated)) {
      throw this.#unfollowable();
    }
    return [bytes.subarray(repeated.length)];
  }

  #unfollowable(): WeirError {
    return new IcapError('ERR_ADAPT_PROTOCOL', 'a service changed bytes of a stream that had gone on before');
  }
}

function isChanged({ request, response }: PipelineOutput): boolean {
  return request !== null || response !== null;
}

const LENGTH = 'content-length';
const NOTHING = Buffer.alloc(0);
const UNCHANGED = {
  request: null,
  response: null,
  verdict: 'allowed',
  threat: null,
  incident: null,
} as const;

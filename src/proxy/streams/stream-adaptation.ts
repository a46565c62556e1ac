// What becomes of a message that may be a stream: it goes through its chain like any other, or as a stream, as
// adaptation.streams says. Recognising streams is shape.ts, taking one through its services stream-call.ts.

import { HttpError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import type { ModMethod } from '../../icap/service.ts';
import { Cancellation } from '../../util/cancellation.ts';
import type { AdaptationPipeline, PipelineInput, PipelineOutput } from '../adaptation/pipeline.ts';
import { QuietWatch } from './quiet-watch.ts';
import type { StreamSettings } from './shape.ts';
import { mayBeQuiet, requestShape, responseShape } from './shape.ts';
import type { StreamTransaction } from './stream-call.ts';
import { StreamCall } from './stream-call.ts';

export class StreamAdaptation {
  readonly #settings: StreamSettings;
  readonly #watches: boolean;

  constructor(settings: StreamSettings) {
    this.#settings = settings;
    this.#watches = settings.quietAfterMs !== null;
  }

  /** Whether a response is known to be a stream from its head. */
  isStream({ response, body }: Pick<PipelineInput, 'response' | 'body'>): boolean {
    if (body === null || body.declaredLength !== null || body.ended || response === null) return false;
    return responseShape(this.#settings, response) !== null;
  }

  /**
   * Takes a message through its chain, or, as a stream, window by window.
   * @throws {WeirError} as `AdaptationPipeline.run`; `ERR_ADAPT_NOT_SCANNED` where streams may not pass. The
   *   resulting body may break off with `ERR_ADAPT_BLOCKED`, or with what a service failed with later
   */
  adapt(
    pipeline: AdaptationPipeline,
    method: ModMethod,
    input: PipelineInput,
    transaction: StreamTransaction,
  ): Promise<PipelineOutput> {
    const { body, request, response } = input;
    // What has a length, or is here already, has an end.
    if (body === null || body.declaredLength !== null || body.ended) {
      return pipeline.run(method, input, transaction.trace);
    }
    const shape =
      response === null
        ? requestShape(this.#settings, request.headers)
        : responseShape(this.#settings, response);
    const quiet = shape === null && this.#watches && response !== null && mayBeQuiet(response);
    if ((shape === null && !quiet) || !pipeline.sees(method, { ...input, length: null })) {
      return pipeline.run(method, input, transaction.trace);
    }
    if (shape === null) return this.#watched(pipeline, input, body, transaction);
    return new StreamCall(pipeline, method, input, body, this.#settings, shape, transaction).run();
  }

  /** Held like any other, until it proves to be a stream. */
  async #watched(
    pipeline: AdaptationPipeline,
    input: PipelineInput,
    body: Body,
    transaction: StreamTransaction,
  ): Promise<PipelineOutput> {
    const { trace } = transaction;
    const before = trace.length;
    const steps = input.notes?.steps.length ?? 0;
    const cancellation = new Cancellation();
    const stop = input.cancellation.onCancel((reason) => cancellation.cancel(reason));
    const found: { stream: Body | null } = { stream: null };
    const watch = new QuietWatch(body, this.#settings, (stream) => {
      if (!transaction.claimsStream()) return false;
      found.stream = stream;
      cancellation.cancel(new HttpError('ERR_ABORTED', 'the body is a stream and goes on as one'));
      return true;
    });
    try {
      const output = await pipeline.run('RESPMOD', { ...input, body: watch.held, cancellation }, trace);
      watch.settle();
      if (found.stream === null) return output;
      output.body?.cancel(); // both at once: what was held is lost
    } catch (error) {
      watch.settle();
      if (found.stream === null) throw error;
    }
    stop();
    const { stream } = found;
    trace.length = before;
    if (input.notes != null) input.notes.steps.length = steps;
    return new StreamCall(pipeline, 'RESPMOD', input, stream, this.#settings, 'quiet', transaction).run();
  }
}

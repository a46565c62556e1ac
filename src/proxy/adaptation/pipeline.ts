// Takes a message through its chain of services: which rules apply, the output of one service as input of
// the next, and what to note about each. The way to a service is icap/client; what to do with the outcome
// is forward.ts. K-50, K-51, K-60, K-70 … K-72.

import { isWeirError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { Adaptation, AdaptationMessage } from '../../icap/client/adaptation.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../../icap/codec/http-head.ts';
import { formatRequestHead } from '../../icap/codec/http-head.ts';
import type { ModMethod } from '../../icap/service.ts';
import type { Meters } from '../../metrics/meters.ts';
import type { StepAnswer, StepNotes, TransactionNotes } from '../../trace/notes.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import { Chain } from './chain.ts';
import type { PlannedRule } from './chain.ts';
import type { Coverage, NotScannedPolicy, NotScannedReason } from './coverage.ts';
import { notScanned, requireCoverage } from './coverage.ts';
import { metered } from './metering.ts';
import type { PlanInput } from './plan.ts';
import { isSeen, mayApply, planOf } from './plan.ts';
import type { SharedFields } from './shared-fields.ts';
import { share } from './shared-fields.ts';
import type { AdaptationStep, StepResult } from './step.ts';
import type { StepVerdict, Threat } from './verdict.ts';
import { judge } from './verdict.ts';

/** What was seen at one step; part of the transaction's log record. */
export interface StepTrace {
  service: string;
  method: ModMethod;
  icapStatus: number | null;
  ms: number;
  preview: number | null;
  verdict: StepVerdict;
}

/** A message and what is known of its transaction. */
export interface PipelineInput {
  readonly host: string;
  /** Target in absolute form, end-to-end fields; for CONNECT `host:port`. */
  readonly request: RequestHead;
  readonly response: ResponseHead | null;
  readonly body: Body | null;
  readonly clientIp: string | null;
  readonly serverIp: string | null;
  readonly user: string | null;
  /** Of the user; default: none are known. */
  readonly groups?: readonly string[];
  readonly cancellation: Cancellation;
  /** What is noted of the transaction; null where nobody traces. */
  readonly notes?: TransactionNotes | null;
  /** One for all messages of a transaction, where services share fields; updated. */
  readonly shared?: SharedFields;
  /** Told of a message with a body before each service that works on it. */
  readonly onHold?: (response: ResponseHead | null, body: HeldBody) => void;
  /** Further fields for the ICAP header of each service that sees the message. */
  readonly icapHeaders?: RawHeaders;
}

export interface PipelineOutput {
  /** The adapted request; null where it is unchanged. */
  readonly request: RequestHead | null;
  /** The adapted response, or, for REQMOD, the answer in the origin's stead; null where there is none. */
  readonly response: ResponseHead | null;
  readonly body: Body | null;
  readonly verdict: StepVerdict;
  readonly threat: Threat | null;
  /** Id on the block page, where a Weir gateway made it. */
  readonly incident: string | null;
  /** Null: there was nothing to scan. */
  readonly coverage: Coverage | null;
}

export interface PipelineOptions {
  readonly reqmod: readonly PlannedRule[];
  readonly respmod: readonly PlannedRule[];
  readonly spool: SpoolOptions;
  /** Answers of ICAP servers up to this length go on only when they are whole. Default 0: none waits. */
  readonly holdBytes?: number;
  /** Default: everything may pass. */
  readonly notScanned?: NotScannedPolicy;
  /** Names of ICAP fields that go from each answer to the services after it (K-72). Default: none. */
  readonly share?: readonly string[];
  /** Services and groups by name, for X-Next-Services (K-71). */
  readonly stepNamed?: (name: string) => AdaptationStep | undefined;
  /** Counts what messages come to; default: nobody does. */
  readonly meters?: Meters | null;
}

export class AdaptationPipeline {
  /** Whether a rule is for CONNECT requests as such (K-52). */
  readonly adaptsConnect: boolean;
  readonly #rules: Readonly<Record<ModMethod, readonly PlannedRule[]>>;
  readonly #options: PipelineOptions;
  readonly #notScanned: NotScannedPolicy;
  readonly #share: readonly string[];

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#rules = { REQMOD: options.reqmod, RESPMOD: options.respmod };
    this.#notScanned = options.notScanned ?? {};
    this.#share = options.share ?? [];
    this.adaptsConnect = options.reqmod.some(({ when }) => when?.namesConnect === true);
  }

  /** False where no rule of that point exists, so that the message need not be prepared. */
  has(method: ModMethod): boolean {
    return this.#rules[method].length > 0;
  }

  /** Whether a rule for responses may be for what comes back to that request. */
  mayAdaptResponse(input: PlanInput): boolean {
    return mayApply(this.#rules.RESPMOD, input);
  }

  /** Whether any service would see the message. */
  sees(method: ModMethod, input: PlanInput): boolean {
    return isSeen(this.#rules[method], input);
  }

  /** Which services the message would meet, and in which state; '' where none. */
  plan(method: ModMethod, input: PlanInput): string {
    return planOf(this.#rules[method], input);
  }

  /** What transactions need for sharing fields; undefined where none are shared. */
  newShared(): SharedFields | undefined {
    return this.#share.length === 0 ? undefined : { headers: [] };
  }

  /**
   * For what never comes to a chain: a body at a point without rules, a connection that speaks something else.
   * @throws {HttpError} `ERR_ADAPT_NOT_SCANNED`
   */
  leftOut(reason: NotScannedReason, point: ModMethod | 'tunnel'): Coverage {
    const { meters = null } = this.#options;
    const coverage = notScanned(reason);
    try {
      requireCoverage(coverage, this.#notScanned);
    } catch (error) {
      meters?.messageHeld(point, error as WeirError);
      throw error;
    }
    meters?.message(point, coverage);
    return coverage;
  }

  /**
   * Runs the chain of one point. Notes each step in `trace`.
   * @throws {WeirError} of a service that blocks on errors; `ERR_ADAPT_NOT_SCANNED`, `ERR_ADAPT_CHAIN`
   */
  run(method: ModMethod, input: PipelineInput, trace: StepTrace[]): Promise<PipelineOutput> {
    const { meters = null } = this.#options;
    const running = this.#run(method, input, trace);
    return meters === null ? running : metered(meters, method, running);
  }

  async #run(method: ModMethod, input: PipelineInput, trace: StepTrace[]): Promise<PipelineOutput> {
    const chain = new Chain(this.#rules[method], input, this.#options.stepNamed);
    for (let step = chain.next(); step !== null; step = chain.next()) {
      const notes = input.notes?.step(method, step.name, chain.rule, null) ?? null;
      const result = await this.#runStep(step, method, input, chain, trace, notes);
      const { adaptation } = result;
      if (adaptation === null) {
        chain.bypassed(result);
        continue;
      }
      if (input.shared !== undefined) share(this.#share, adaptation.icapHeaders, input.shared);
      const judged = judge(adaptation);
      const entry = trace.at(-1)!;
      entry.icapStatus = adaptation.icapStatus;
      entry.preview = adaptation.preview;
      entry.verdict = judged.verdict;
      if (notes !== null) notes.answer = answerOf(adaptation, judged.verdict);
      chain.adapted(adaptation, judged);
      // An answer in the origin's stead, or a block, ends the chain (K-50).
      if (judged.verdict === 'blocked' || (method === 'REQMOD' && adaptation.response !== null)) {
        return chain.output(judged);
      }
      if (result.routing) chain.route(adaptation, result.service);
    }
    const output = chain.output(null);
    try {
      requireCoverage(output.coverage, this.#notScanned);
    } catch (error) {
      output.body?.cancel(error as WeirError);
      throw error;
    }
    return output;
  }

  async #runStep(
    step: AdaptationStep,
    method: ModMethod,
    input: PipelineInput,
    { request, response, body }: Chain,
    trace: StepTrace[],
    notes: StepNotes | null,
  ): Promise<StepResult> {
    const { spool, holdBytes = 0 } = this.#options;
    const { clientIp, serverIp, user, groups = [], cancellation } = input;
    const message: AdaptationMessage = {
      method,
      request,
      requestText: formatRequestHead(request),
      response,
      body: body === null ? null : new HeldBody(body, spool),
      clientIp,
      serverIp,
      user,
      groups,
      extraIcapHeaders: furtherFields(input),
      cancellation,
      keepOriginal: false,
      note: null,
    };
    if (message.body !== null) input.onHold?.(response, message.body);
    const startedAt = performance.now();
    const entry: StepTrace = {
      service: step.name,
      method,
      icapStatus: null,
      ms: 0,
      preview: null,
      verdict: 'error',
    };
    trace.push(entry);
    try {
      const result = await step.run(message, spool, holdBytes, notes);
      entry.service = result.service;
      if (result.adaptation === null) entry.verdict = 'bypassed';
      return result;
    } catch (error) {
      if (isWeirError(error)) entry.icapStatus = (error.fields['icapStatus'] as number | undefined) ?? null;
      throw error;
    } finally {
      entry.ms = performance.now() - startedAt;
    }
  }
}

function furtherFields({ icapHeaders, shared }: PipelineInput): RawHeaders | undefined {
  const fromOthers = shared === undefined || shared.headers.length === 0 ? undefined : shared.headers;
  if (icapHeaders === undefined) return fromOthers;
  return fromOthers === undefined ? icapHeaders : [...icapHeaders, ...fromOthers];
}

/** What a trace says of an answer: its heads, and nothing that keeps a body. */
function answerOf(
  { icapStatus, icapHeaders, request, response }: Adaptation,
  verdict: StepVerdict,
): StepAnswer {
  return { icapStatus, icapHeaders, verdict, request, response };
}

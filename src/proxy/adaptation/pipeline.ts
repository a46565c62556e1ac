// Takes a message through its chain of services: which steps apply (rules), the output of one as input
// of the next, and what to note about each. The way to a service is icap/client; what to do with the
// outcome is forward.ts. K-50, K-51, K-60, K-70.

import { isWeirError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { Adaptation, AdaptationMessage } from '../../icap/client/adaptation.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RequestHead, ResponseHead } from '../../icap/codec/http-head.ts';
import { formatRequestHead } from '../../icap/codec/http-head.ts';
import type { ModMethod } from '../../icap/service.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import type { AdaptationStep } from './step.ts';
import type { StepVerdict, Threat } from './verdict.ts';
import { judge } from './verdict.ts';

const MAX_STEPS = 16; // of one chain (K-70)

/** Limits a step to some messages; an empty list is no limit. */
export interface StepCondition {
  matchesHost(host: string): boolean;
  readonly types: readonly string[];
  readonly methods: readonly string[];
}

export interface PlannedStep {
  readonly step: AdaptationStep;
  readonly when: StepCondition | null;
}

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
  /** Target in absolute form, end-to-end fields. */
  readonly request: RequestHead;
  readonly response: ResponseHead | null;
  readonly body: Body | null;
  readonly clientIp: string | null;
  readonly serverIp: string | null;
  readonly user: string | null;
  readonly cancellation: Cancellation;
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
}

/** A chain that failed where it may not be bypassed; names the service. */
export interface PipelineFailure {
  readonly service: string;
  readonly error: WeirError;
}

export class AdaptationPipeline {
  readonly #plans: Readonly<Record<ModMethod, readonly PlannedStep[]>>;
  readonly #spool: SpoolOptions;

  constructor(reqmod: readonly PlannedStep[], respmod: readonly PlannedStep[], spool: SpoolOptions) {
    this.#plans = { REQMOD: reqmod.slice(0, MAX_STEPS), RESPMOD: respmod.slice(0, MAX_STEPS) };
    this.#spool = spool;
  }

  /** False where no rule of that point exists, so that the message need not be prepared. */
  has(method: ModMethod): boolean {
    return this.#plans[method].length > 0;
  }

  /**
   * Runs the chain of one point. Notes each step in `trace`.
   * @throws {WeirError} of a service that blocks on errors; `fields.service` names it
   */
  async run(method: ModMethod, input: PipelineInput, trace: StepTrace[]): Promise<PipelineOutput> {
    let { request, response, body } = input;
    let changedRequest: RequestHead | null = null;
    let changedResponse: ResponseHead | null = null;
    let verdict: StepVerdict = 'allowed';
    for (const { step, when } of this.#plans[method]) {
      if (when !== null && !applies(when, input.host, request, response)) continue;
      const message: AdaptationMessage = {
        method,
        request,
        requestText: formatRequestHead(request),
        response,
        body: body === null ? null : new HeldBody(body, this.#spool),
        clientIp: input.clientIp,
        serverIp: input.serverIp,
        user: input.user,
        cancellation: input.cancellation,
      };
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
      let adaptation: Adaptation | null;
      try {
        const result = await step.run(message, this.#spool);
        entry.service = result.service;
        adaptation = result.adaptation;
        if (adaptation === null) {
          body = result.original?.restream() ?? null;
          entry.verdict = 'bypassed';
          verdict = 'bypassed';
          continue;
        }
      } catch (error) {
        if (isWeirError(error)) entry.icapStatus = (error.fields['icapStatus'] as number | undefined) ?? null;
        throw error;
      } finally {
        entry.ms = performance.now() - startedAt;
      }
      const judged = judge(adaptation);
      entry.icapStatus = adaptation.icapStatus;
      entry.preview = adaptation.preview;
      entry.verdict = judged.verdict;
      body = adaptation.body;
      if (judged.verdict === 'allowed') continue;
      verdict = judged.verdict;
      if (adaptation.request !== null) request = changedRequest = adaptation.request;
      if (adaptation.response !== null) response = changedResponse = adaptation.response;
      // An answer in the origin's stead, or a block, ends the chain (K-50).
      if (judged.verdict === 'blocked' || (method === 'REQMOD' && adaptation.response !== null)) {
        const { threat, incident } = judged;
        return { request: changedRequest, response: changedResponse, body, verdict, threat, incident };
      }
    }
    return {
      request: changedRequest,
      response: changedResponse,
      body,
      verdict,
      threat: null,
      incident: null,
    };
  }
}

function applies(
  when: StepCondition,
  host: string,
  request: RequestHead,
  response: ResponseHead | null,
): boolean {
  if (!when.matchesHost(host)) return false;
  if (when.methods.length > 0 && !when.methods.includes(request.method)) return false;
  if (when.types.length === 0) return true;
  const type = fieldValue((response ?? request).headers, 'content-type') ?? '';
  return matchesType(when.types, type.split(';', 1)[0]!.trim().toLowerCase());
}

function matchesType(patterns: readonly string[], type: string): boolean {
  return patterns.some((pattern) => {
    if (pattern === '*/*' || pattern === '*') return true;
    return pattern.endsWith('/*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
  });
}

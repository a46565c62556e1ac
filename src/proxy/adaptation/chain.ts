// One message on its way through the rules: which step is next, what the message is by now, and what
// inspection has come to so far. Running the steps is pipeline.ts. K-50, K-51, K-70, K-71.

import { IcapError, printable } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import type { Adaptation } from '../../icap/client/adaptation.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RequestHead, ResponseHead } from '../../icap/codec/http-head.ts';
import type { PolicyLine } from '../../trace/notes.ts';
import { parseAuthority } from '../../util/authority.ts';
import type { Coverage, NotScannedReason } from './coverage.ts';
import { BLOCKED, CLEAN, isPartial, MODIFIED, notScanned, reasonOfFailure } from './coverage.ts';
import type { PipelineInput, PipelineOptions, PipelineOutput } from './pipeline.ts';
import type { RuleCondition } from './rules.ts';
import { mediaTypeOf } from './rules.ts';
import type { AdaptationStep, StepResult } from './step.ts';
import type { Judgement, StepVerdict } from './verdict.ts';
import { notScannedReason } from './verdict.ts';

const MAX_STEPS = 16; // of one chain (K-70)
const ENDLESS = /^(?:text\/event-stream|multipart\/x-mixed-replace)$/;

/** A rule of the configuration. */
export interface PlannedRule {
  /** Null: every message but CONNECT. */
  readonly when: RuleCondition | null;
  /** What runs, in this order; none: the message is left out. */
  readonly steps: readonly AdaptationStep[];
  /** Rules behind it do not count for a message that it is for. */
  readonly stop: boolean;
  /** Where it stands in the configuration, for traces. */
  readonly line?: PolicyLine;
}

export class Chain {
  request: RequestHead;
  response: ResponseHead | null;
  body: Body | null;
  /** The one that the last step came from. */
  rule: PolicyLine | null = null;
  readonly #input: PipelineInput;
  readonly #stepNamed: PipelineOptions['stepNamed'];
  #rules: readonly PlannedRule[];
  #at = 0;
  #pending: readonly AdaptationStep[] = [];
  #steps = 0;
  #host: string;
  #changedRequest: RequestHead | null = null;
  #changedResponse: ResponseHead | null = null;
  #verdict: StepVerdict = 'allowed';
  #unscanned: NotScannedReason | null = null;
  #leftOut: NotScannedReason = 'policy';

  constructor(rules: readonly PlannedRule[], input: PipelineInput, stepNamed: PipelineOptions['stepNamed']) {
    this.#rules = rules;
    this.#input = input;
    this.#stepNamed = stepNamed;
    this.#host = input.host;
    this.request = input.request;
    this.response = input.response;
    this.body = input.body;
  }

  /** The next step for the message as it is now; null at the end. @throws {IcapError} `ERR_ADAPT_CHAIN` */
  next(): AdaptationStep | null {
    while (this.#pending.length === 0) {
      const rule = this.#rules[this.#at++];
      if (rule === undefined) return null;
      if (!this.#isFor(rule)) continue;
      this.rule = rule.line ?? null;
      this.#pending = rule.steps;
      if (rule.stop) this.#rules = [];
    }
    if (this.#steps++ === MAX_STEPS) {
      this.body?.cancel();
      throw new IcapError('ERR_ADAPT_CHAIN', `more than ${MAX_STEPS} services for one message`);
    }
    const step = this.#pending[0]!;
    this.#pending = this.#pending.slice(1);
    return step;
  }

  #isFor({ when, steps, line }: PlannedRule): boolean {
    if (when === null) return this.request.method !== 'CONNECT';
    const { clientIp, user, groups = [] } = this.#input;
    const { request, response } = this;
    const facts = { host: this.#host, request, response, clientIp, user, groups, length: this.#length() };
    const mismatch = when.mismatch(facts);
    if (mismatch === null) {
      if (steps.length === 0) {
        this.#noteLeftOut(when.picksBy);
        this.#noteSkipped(line, 'left out');
      }
      return true;
    }
    if (steps.length > 0) this.#noteLeftOut(mismatch);
    if (this.#input.notes != null) this.#noteSkipped(line, when.unmet(facts) ?? mismatch);
    return false;
  }

  #noteSkipped(line: PolicyLine | undefined, reason: string): void {
    const { notes, response } = this.#input;
    notes?.step(response === null ? 'REQMOD' : 'RESPMOD', '', line ?? null, reason);
  }

  #length(): number | null {
    if (this.body === null) return 0;
    const said =
      this.body.declaredLength ?? fieldValue((this.response ?? this.request).headers, 'content-length');
    const length = Number(said ?? NaN);
    return Number.isSafeInteger(length) ? length : null;
  }

  #noteLeftOut(mismatch: 'policy' | 'type' | 'size'): void {
    if (mismatch === 'policy') return;
    this.#leftOut = mismatch === 'type' && ENDLESS.test(mediaTypeOf(this)) ? 'stream' : mismatch;
  }

  bypassed({ original, error }: StepResult): void {
    this.body = original?.restream() ?? null;
    this.#verdict = 'bypassed';
    this.#unscanned ??= error === null ? 'service-down' : reasonOfFailure(error);
  }

  adapted(adaptation: Adaptation, { verdict }: Judgement): void {
    this.body = adaptation.body;
    this.#unscanned ??= adaptation.ignored === true ? 'type' : notScannedReason(adaptation);
    if (verdict === 'allowed') return;
    this.#verdict = verdict;
    if (adaptation.request !== null) this.#adoptRequest(adaptation.request);
    if (adaptation.response !== null) this.response = this.#changedResponse = adaptation.response;
  }

  /** Rules that follow look at where the request goes now (K-51). */
  #adoptRequest(request: RequestHead): void {
    if (request.target !== this.request.target) {
      const authority = /^(?:https?:\/\/)?([^/?#]+)/i.exec(request.target)?.[1] ?? '';
      this.#host = parseAuthority(authority, 80)?.host ?? this.#host;
    }
    this.request = this.#changedRequest = request;
  }

  /**
   * Replaces the rest of the plan by what a routing service says; an empty value ends it (K-71).
   * @throws {IcapError} `ERR_ADAPT_PROTOCOL` for a name that nothing here has: leaving it out would be to
   *   let pass what it should have judged
   */
  route({ icapHeaders }: Adaptation, service: string): void {
    const value = fieldValue(icapHeaders, 'x-next-services');
    if (value === undefined) return;
    this.#rules = [];
    const names = value.split(',').map((name) => name.trim());
    this.#pending = names
      .filter((name) => name !== '')
      .map((name) => {
        const step = this.#stepNamed?.(name);
        if (step !== undefined) return step;
        this.body?.cancel();
        const text = `X-Next-Services names "${printable(name)}", which is no service or group here`;
        throw new IcapError('ERR_ADAPT_PROTOCOL', text, { service });
      });
  }

  /** @param end  the judgement that has ended the chain; null: the plan is worked off */
  output(end: Judgement | null): PipelineOutput {
    return {
      request: this.#changedRequest,
      response: this.#changedResponse,
      body: this.body,
      verdict: end?.verdict ?? this.#verdict,
      threat: end?.threat ?? null,
      incident: end?.incident ?? null,
      coverage: end?.verdict === 'blocked' ? BLOCKED : this.#coverage(),
    };
  }

  #coverage(): Coverage | null {
    if (this.#unscanned !== null) return notScanned(this.#unscanned);
    if (this.#steps === 0) {
      return this.body === null && this.request.method !== 'CONNECT' ? null : notScanned(this.#leftOut);
    }
    if (this.response !== null && isPartial(this.response)) return notScanned('range');
    return this.#verdict === 'modified' ? MODIFIED : CLEAN;
  }
}

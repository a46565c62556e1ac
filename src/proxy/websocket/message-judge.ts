// One WebSocket message through the adaptation rules, and what its outcome means for the connection: it goes
// on, something else in its place, or the connection ends. Each message that may not pass gets a log record and
// a trace of its own. The order of messages is lane.ts, closing is relay.ts.

import { HttpError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import type { ModMethod } from '../../icap/service.ts';
import { TransactionNotes } from '../../trace/notes.ts';
import { Cancellation } from '../../util/cancellation.ts';
import { newIncidentId } from '../../util/incident-id.ts';
import type { Coverage } from '../adaptation/coverage.ts';
import { coverageAtEnd, isVerdict, worseOf } from '../adaptation/coverage.ts';
import type { PipelineOutput, StepTrace } from '../adaptation/pipeline.ts';
import type { StepVerdict, Threat } from '../adaptation/verdict.ts';
import { asWeirError } from '../answers.ts';
import type { ProxyContext, Session } from '../session.ts';
import { closeStatusOf } from './close-status.ts';
import type { Part } from './lane.ts';
import type { Direction, MessageShape } from './messages.ts';
import { nameOf } from './messages.ts';

/** The connection that messages belong to. */
export interface MessageSurroundings {
  readonly context: ProxyContext;
  readonly session: Session;
  /** Of the transaction that opened it. */
  readonly id: string;
  readonly url: string;
  /** Name that rules compare. */
  readonly host: string;
  readonly serverIp: string | null;
  readonly shape: MessageShape;
  readonly cancellation: Cancellation;
  /** Of the transaction; null: nobody traces. */
  readonly notes: TransactionNotes | null;
}

/** What a message came to. */
export interface Judged {
  readonly startedAt: number;
  readonly trace: readonly StepTrace[];
  readonly notes: TransactionNotes | null;
  /** Null where `error` is not. */
  readonly output: PipelineOutput | null;
  readonly error: WeirError | null;
}

export class MessageJudge {
  readonly direction: Direction;
  /** Messages that a service has judged, and those that did not pass. */
  scanned = 0;
  blocked = 0;
  /** Worst of all messages. */
  coverage: Coverage | null = null;
  verdict: StepVerdict = 'allowed';
  threat: Threat | null = null;
  readonly #around: MessageSurroundings;
  readonly #method: ModMethod;

  constructor(around: MessageSurroundings, direction: Direction) {
    this.#around = around;
    this.direction = direction;
    this.#method = direction === 'outgoing' ? 'REQMOD' : 'RESPMOD';
  }

  /** Never rejects. */
  async judge(part: Part): Promise<Judged> {
    const { opcode, message, piece } = part;
    let { body, length } = part;
    const { context, session, shape, host, serverIp, cancellation, id, notes: all } = this.#around;
    const { pipeline } = context.inForce; // a connection lives longer than a configuration
    const startedAt = performance.now();
    const trace: StepTrace[] = [];
    const made = { startedAt, trace };
    try {
      const { hooks } = context.inForce;
      if (hooks?.has('onWebSocketMessage') === true) {
        const data = await hooks.message(session, this.#around.url, this.direction, part, cancellation);
        body = Body.of(data);
        length = data.length;
      }
      if (length === 0)
        return { ...made, notes: null, output: { ...UNSEEN, body, coverage: null }, error: null };
      if (!pipeline.has(this.#method)) {
        const coverage = pipeline.leftOut('policy', this.#method);
        return { ...made, notes: null, output: { ...UNSEEN, body, coverage }, error: null };
      }
    } catch (error) {
      body.cancel(error as WeirError);
      return { ...made, notes: null, output: null, error: asWeirError(error) };
    }
    const heads = shape.headsOf(this.direction, opcode, length);
    const notes =
      all === null || context.traces?.hasRoom !== true
        ? null
        : new TransactionNotes(all.bodies, heads.request, session.opening ?? null, startedAt);
    const own = new Cancellation(); // its listeners go with it
    const release = cancellation.onCancel((reason) => own.cancel(reason));
    const input = {
      ...{ host, ...heads, body, clientIp: session.client, serverIp },
      ...{ user: session.user, groups: session.groups ?? [] },
      ...{ cancellation: own, notes },
      icapHeaders: ['X-Weir-WebSocket', `${id}; message=${message}; part=${piece}`],
    };
    try {
      const output = await pipeline.run(this.#method, input, trace);
      return { ...made, notes, output, error: null };
    } catch (error) {
      return { ...made, notes, output: null, error: asWeirError(error) };
    } finally {
      release();
    }
  }

  /**
   * What goes on in the place of a message.
   * @throws {WeirError} `ERR_ADAPT_BLOCKED`, or why it could not be judged: it may not pass
   */
  settle(judged: Judged, part: Part): Body | null {
    const { output, trace, error } = judged;
    if (error !== null && error.code === 'ERR_ABORTED') throw error;
    if (trace.length > 0 && part.piece === 1) this.scanned++;
    const refusal = error ?? this.#refusal(output!, part);
    if (refusal === null) {
      const { verdict, coverage, body } = output!;
      if (verdict !== 'allowed') this.verdict = verdict;
      this.coverage = worseOf(this.coverage, coverage);
      return body;
    }
    output?.body?.cancel();
    this.blocked++;
    this.verdict = isVerdict(refusal) ? 'blocked' : 'error';
    this.threat = output?.threat ?? null;
    this.coverage = worseOf(this.coverage, coverageAtEnd(refusal, output?.coverage ?? null));
    this.#report(judged, part, refusal);
    throw refusal;
  }

  drop({ output }: Judged): void {
    output?.body?.cancel();
  }

  /** A message is larger than what services are shown at once. @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` */
  tooLarge(): void {
    const coverage = this.#around.context.inForce.pipeline.leftOut('size', this.#method);
    this.coverage = worseOf(this.coverage, coverage);
  }

  /** A block, or an answer that no WebSocket can carry. */
  #refusal({ verdict, threat, response }: PipelineOutput, { message }: Part): HttpError | null {
    if (verdict === 'blocked') {
      const text = `message ${message} was blocked: ${threat?.name ?? 'policy'}`;
      return new HttpError('ERR_ADAPT_BLOCKED', text, { threat: threat?.name ?? 'policy' });
    }
    if (response === null || (this.direction === 'incoming' && response.status === 200)) return null;
    const text = `message ${message} was answered with ${response.status}`;
    return new HttpError('ERR_ADAPT_BLOCKED', text, { threat: 'policy' });
  }

  /** The message as a log record and a trace of its own. */
  #report({ startedAt, trace, notes, output }: Judged, part: Part, error: WeirError): void {
    const { context, session, id: connection, url, notes: all } = this.#around;
    const { telemetry, traces } = context;
    const id = newIncidentId();
    const { verdict } = this;
    const bytes = part.body.pushedBytes;
    const ms = performance.now() - startedAt;
    const [bytesIn, bytesOut] = this.direction === 'outgoing' ? [bytes, 0] : [0, bytes];
    const isBlock = error.code === 'ERR_ADAPT_BLOCKED';
    if (notes !== null && all !== null) for (const step of notes.steps) all.steps.push(step);
    telemetry.meters?.transaction({
      ...{ verdict: this.verdict === 'blocked' ? 'blocked' : 'error', bytesIn, bytesOut, ms },
      ...(isBlock ? {} : { error }),
    });
    if (!telemetry.records && traces === null) return;
    const { code: status } = closeStatusOf(error);
    const record = {
      ...{ id, client: session.client, user: session.user, method: 'WS', url, status, bytesIn, bytesOut },
      ...{ tls: session.tls, adaptation: trace, threat: output?.threat ?? null },
      verdict: verdict === 'blocked' ? ('blocked' as const) : ('error' as const),
      incident: output?.incident ?? id,
      coverage: coverageAtEnd(error, output?.coverage ?? null),
      ms,
      webSocketMessage: {
        ...{ connection, direction: this.direction, opcode: nameOf(part.opcode), message: part.message },
      },
      ...(isBlock ? {} : { error: { code: error.code, message: error.message } }),
    };
    if (telemetry.records) telemetry.proxy(record);
    traces?.add(record, notes);
  }
}

const UNSEEN = {
  request: null,
  response: null,
  verdict: 'allowed',
  threat: null,
  incident: null,
} as const;

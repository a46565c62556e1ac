// One transaction through the proxy, in the order in which it happens: judge the request, REQMOD, the
// origin, RESPMOD, answer, log. Every failure on the way becomes one page and one record.

import type { WeirError } from '../errors.ts';
import { TransactionCapture } from '../capture/capture.ts';
import type { Body } from '../http/body.ts';
import type { Answer, ServerExchange } from '../http/server-connection.ts';
import type { ResponseHead } from '../icap/codec/http-head.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import type { TransactionNotes } from '../trace/notes.ts';
import { notesFor, OriginNote } from '../trace/notes.ts';
import { TransactionSpan } from '../trace/spans.ts';
import { formatAuthority } from '../util/authority.ts';
import { newIncidentId } from '../util/incident-id.ts';
import type { Coverage, NotScannedReason } from './adaptation/coverage.ts';
import { isPartial, isVerdict, worseOf } from './adaptation/coverage.ts';
import type { PipelineInput, PipelineOutput, StepTrace } from './adaptation/pipeline.ts';
import type { SharedFields } from './adaptation/shared-fields.ts';
import { asWeirError, errorAnswer } from './answers.ts';
import { adaptedAnswer, originAnswer, withoutAltSvc } from './final-answer.ts';
import { answerAsLastHop } from './max-forwards.ts';
import type { OriginRequest, OriginResponse, OriginTarget } from './origin/engine.ts';
import { demandHttp1, meetExpectation, originRequest } from './origin-request.ts';
import type { Outgoing } from './outgoing-request.ts';
import { adoptRequest, prepareRequest } from './outgoing-request.ts';
import { LateAnswer } from './patience/late-answer.ts';
import type { ScanOutcome } from './patience/ticket.ts';
import type { Visit } from './patience/visit.ts';
import { visit } from './patience/visit.ts';
import { ProtocolSwitch } from './protocol-switch.ts';
import { asksForPart, fetchWhole } from './ranges/range-request.ts';
import type { RangeRecord } from './ranges/range-types.ts';
import type { ProxyContext, Session } from './session.ts';
import type { StreamRecord, StreamTransaction } from './streams/stream-call.ts';
import type { TransactionEnd } from './transaction-end.ts';
import { tellEnd } from './transaction-end.ts';
import { ownAnswer } from './weir-local.ts';

export class Transaction implements StreamTransaction {
  readonly #context: ProxyContext;
  readonly #session: Session;
  readonly #exchange: ServerExchange;
  readonly id = newIncidentId();
  readonly trace: StepTrace[] = [];
  /** Null: nobody traces. */
  readonly #notes: TransactionNotes | null;
  /** Null: nobody wants a copy. */
  readonly #capture: TransactionCapture | null;
  /** Null: no spans of it. */
  readonly #span: TransactionSpan | null;
  #url: string;
  #responding = false;
  #answeredBody: Body | null = null;
  #status = 0;
  #verdict: ProxyRecord['verdict'] = 'allowed';
  #threat: ProxyRecord['threat'] = null;
  #incident: string | null = null;
  #coverage: Coverage | null = null;
  #range: RangeRecord | null = null;
  #stream: StreamRecord | null = null;
  /** Where the client asks for another protocol. */
  #switch: ProtocolSwitch | null = null;
  /** What the client gets while the scan takes long; null: nothing. */
  #late: LateAnswer | null = null;
  /** Progress of another transaction: no record. */
  #isAside = false;
  /** Whose kept answer this one fetches. */
  #waitedFor: string | null = null;
  /** ICAP fields that go from REQMOD to RESPMOD (K-72). */
  readonly #shared: SharedFields | undefined;

  constructor(context: ProxyContext, session: Session, exchange: ServerExchange) {
    this.#context = context;
    this.#session = session;
    this.#exchange = exchange;
    this.#url = exchange.head.target;
    this.#shared = context.pipeline.newShared();
    const { traces, captures, telemetry } = context;
    const above = telemetry.tracer?.begin(exchange.head.headers) ?? null;
    this.#span = above === null ? null : new TransactionSpan(above);
    this.#capture = captures === null ? null : new TransactionCapture(captures);
    this.#notes = notesFor(traces, this.#span !== null, exchange, session.opening ?? null);
    if (this.#notes !== null && this.#capture !== null) this.#notes.wire = this.#capture.wire;
  }

  /** Runs to the end; never rejects. */
  async run(): Promise<void> {
    let failure: WeirError | null = null;
    try {
      await this.#forward();
    } catch (error) {
      const reason = asWeirError(error);
      if (this.#isLeftStream) this.#exchange.body?.cancel(reason);
      else {
        failure = reason;
        await this.#answerFailure(failure);
      }
    }
    if (this.#late !== null) {
      this.#late.done();
      if (this.#notes !== null) this.#notes.waitedAt = this.#late.waitedAt;
    }
    if (this.#isAside) return this.#capture?.dispose();
    tellEnd(this.#context, this.#end(failure));
  }

  async #forward(): Promise<void> {
    const exchange = this.#exchange;
    const outgoing = prepareRequest(this.#context, this.#session, exchange, (url) => (this.#url = url));
    const { method, headers } = outgoing.head;
    this.#capture?.onRequest({ method, url: outgoing.url, headers }, outgoing.body);
    const own =
      ownAnswer(this.#context.site, outgoing.target, exchange.head) ??
      answerAsLastHop(outgoing, exchange.head);
    if (own !== null) {
      exchange.body?.cancel();
      return this.#respond(own);
    }
    const decided = this.#context.certificates.warnings?.enter(this.#session, outgoing) ?? null;
    if (decided !== null) return this.#respond(decided);
    const { pipeline, patience } = this.#context;
    const visited = visit(patience, this.#session, exchange.head, outgoing.url);
    if (visited !== null) return this.#serveVisit(visited);
    this.#late = LateAnswer.of(patience, {
      ...{ visitor: this.#session, request: exchange.head, url: outgoing.url, transaction: this.id },
      cancellation: exchange.cancellation,
      respond: (answer) => this.#respond(answer),
    });
    if (exchange.facts.expect !== null) meetExpectation(exchange, exchange.facts.expect, outgoing);
    if (this.#context.hooks !== null)
      await this.#context.hooks.request(this.#context, this.#session, outgoing);
    if (pipeline.has('REQMOD')) {
      const adapted = await this.#adapt('REQMOD', outgoing, null, outgoing.body, null);
      if (adapted.response !== null)
        return this.#respond(adaptedAnswer(adapted.response, adapted.body, outgoing.head.method));
      outgoing.body = adapted.body;
      if (adapted.request !== null) adoptRequest(this.#context, this.#session, outgoing, adapted.request);
    } else this.#leaveOut('REQMOD', outgoing.body);
    const fetched = asksForPart(this.#context, this.#session, outgoing)
      ? await this.#fetchWhole(outgoing)
      : null;
    if (this.#responding) return;
    const response = fetched ?? (await this.#context.engine.send(this.#originRequest(outgoing)));
    this.#capture?.onResponse(response.head, response.body, response.serverIp);
    if (response.upgraded !== null) return this.#upgrade(response);
    if (response.wantsConnectionLogin === true && exchange.loginScope === null)
      throw demandHttp1(exchange, response);
    if (this.#context.hooks !== null) await this.#context.hooks.response(this.#session, outgoing, response);
    if (!pipeline.has('RESPMOD')) {
      this.#leaveOut('RESPMOD', response.body);
      return this.#respond(originAnswer(response, response.body));
    }
    const { facts } = response;
    const seen: ResponseHead = { ...response.head, version: '1.1', headers: facts.endToEnd };
    const { body, serverIp } = response;
    if (isPartial(seen) && !this.#context.ranges.showsParts) {
      const input = this.#input('RESPMOD', outgoing, seen, body, serverIp);
      if (pipeline.sees('RESPMOD', { ...input, length: facts.contentLength })) {
        this.#leaveOut('RESPMOD', body, 'range');
        return this.#respond(originAnswer(response, body));
      }
    }
    if (!this.#context.streams.isStream({ response: seen, body })) this.#late?.begin(body);
    const adapted = await this.#adapt('RESPMOD', outgoing, seen, body, serverIp);
    const answer =
      adapted.response === null
        ? originAnswer(response, adapted.body)
        : adaptedAnswer(adapted.response, adapted.body, outgoing.head.method);
    return this.#late === null ? this.#respond(answer) : this.#late.finish(answer, this.#outcome);
  }

  // --- the request ---

  #adapt(
    method: 'REQMOD' | 'RESPMOD',
    outgoing: Outgoing,
    response: ResponseHead | null,
    body: Body | null,
    serverIp: string | null,
  ): Promise<PipelineOutput> {
    const input = this.#input(method, outgoing, response, body, serverIp);
    return this.#context.streams.adapt(this.#context.pipeline, method, input, this).then(this.#adopt);
  }

  #input(
    method: 'REQMOD' | 'RESPMOD',
    outgoing: Outgoing,
    response: ResponseHead | null,
    body: Body | null,
    serverIp: string | null,
  ): PipelineInput {
    const { head, target, url } = outgoing;
    return {
      host: target.serverName,
      request: { method: head.method, target: url, version: '1.1', headers: head.headers },
      response,
      body,
      clientIp: this.#session.client,
      serverIp,
      user: this.#session.user,
      groups: this.#session.groups ?? [],
      cancellation: this.#late?.cancellation ?? this.#exchange.cancellation,
      notes: this.#notes,
      ...(method === 'RESPMOD' && this.#late !== null ? { onHold: this.#late.onHold } : {}),
      ...(this.#shared === undefined ? {} : { shared: this.#shared }),
      ...(this.#span === null ? {} : { icapHeaders: this.#span.icapHeaders(method) }),
    };
  }

  readonly #adopt = (output: PipelineOutput): PipelineOutput => {
    this.onOutput(output);
    return output;
  };

  onOutput({ verdict, threat, incident, coverage }: ScanOutcome): void {
    if (verdict !== 'allowed') this.#verdict = verdict;
    if (threat !== null) this.#threat = threat;
    if (incident !== null) this.#incident = incident;
    this.#coverage = worseOf(this.#coverage, coverage);
  }

  /** A client that leaves a stream has had what it wanted of it. */
  get #isLeftStream(): boolean {
    return this.#stream !== null && this.#responding && this.#exchange.cancellation.reason !== null;
  }

  claimsStream(): boolean {
    if (this.#late === null) return true;
    if (this.#late.waited !== null) return false;
    this.#late.deadlineAt = Infinity; // nothing takes long any more
    return true;
  }

  onStream(stream: StreamRecord): void {
    this.#stream = stream;
  }

  /**
   * For a request for a part of an object: answers it from the whole, or says how it goes on.
   * @returns the response to a request for the whole; null: `outgoing` is to be sent, unless it is answered
   */
  async #fetchWhole(outgoing: Outgoing): Promise<OriginResponse | null> {
    const outcome = await fetchWhole({
      ...{ id: this.id, trace: this.trace, context: this.#context, session: this.#session },
      ...{ cancellation: this.#exchange.cancellation, outgoing: { ...outgoing } },
      originRequest: (asked) => this.#originRequest(asked),
      input: (asked, seen, body, ip) => this.#input('RESPMOD', asked, seen, body, ip),
      onOutput: (output) => this.onOutput(output),
    });
    if (outcome.kind !== 'response') this.#range = outcome.record;
    if (outcome.kind === 'answer') {
      this.onOutput(outcome.verdict);
      await this.#respond(outcome.answer);
      return null;
    }
    outgoing.head = { ...outgoing.head, headers: outcome.headers };
    return outcome.kind === 'response' ? outcome.response : null;
  }

  /** A message at a point without rules. @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` */
  #leaveOut(method: 'REQMOD' | 'RESPMOD', body: Body | null, reason: NotScannedReason = 'policy'): void {
    if (body === null) return;
    try {
      this.#coverage = worseOf(this.#coverage, this.#context.pipeline.leftOut(reason, method));
    } catch (error) {
      body.cancel(error as WeirError);
      throw error;
    }
  }

  #originRequest(outgoing: Outgoing): OriginRequest {
    this.#switch = ProtocolSwitch.of(this.#context, this.#session, this.#exchange, outgoing);
    const cancellation = this.#late?.cancellation ?? this.#exchange.cancellation;
    const note = this.#noteOrigin(outgoing.target);
    return originRequest(this.#context, this.#exchange, outgoing, this.#switch, cancellation, note);
  }

  #noteOrigin({ host, port }: OriginTarget): OriginNote | null {
    if (this.#notes === null) return null;
    this.#notes.origin = new OriginNote(formatAuthority(host, port));
    return this.#notes.origin;
  }

  // --- the answer ---

  /** Somebody asks for what waits already. @throws {WeirError} of the scan that has failed */
  async #serveVisit(visited: Visit): Promise<void> {
    if (visited.kind === 'aside') {
      this.#isAside = true;
      return this.#respond(visited.answer);
    }
    this.#waitedFor = visited.transaction;
    if (visited.kind === 'failed') throw visited.error;
    const { verdict, threat, incident, coverage } = visited.outcome;
    this.#verdict = verdict;
    this.#threat = threat;
    this.#incident = incident;
    this.#coverage = coverage;
    await this.#respond(visited.answer);
    visited.onDelivered();
  }

  get #outcome(): ScanOutcome {
    const coverage = this.#coverage;
    return { verdict: this.#verdict, threat: this.#threat, incident: this.#incident, coverage };
  }

  #respond(made: Answer): Promise<void> {
    const answer = this.#context.keepsAltSvc ? made : withoutAltSvc(made);
    this.#responding = true;
    this.#status = answer.status;
    this.#answeredBody = answer.body;
    if (this.#notes !== null) {
      const { status, reason, headers } = answer;
      this.#notes.answer = { status, reason, headers };
    }
    return this.#exchange.respond(answer);
  }

  /** @throws {WeirError} `ERR_ADAPT_NOT_SCANNED`, `ERR_ORIGIN_RESPONSE`; why a WebSocket was closed */
  async #upgrade(response: OriginResponse): Promise<void> {
    const protocol = this.#switch!;
    this.#coverage = worseOf(this.#coverage, protocol.judge(response));
    this.#responding = true;
    this.#status = 101;
    await protocol.join(response, this.id, this.#notes);
    if (protocol.relay === null) return;
    this.onOutput(protocol.relay.outcome);
    if (protocol.relay.failure !== null) throw protocol.relay.failure;
  }

  /** Ends it from outside: with a page where no answer has begun, else its connection or stream is cut. */
  async expire(error: WeirError): Promise<void> {
    if (this.#status === 101) return; // what has been switched to has limits of its own
    if (!this.#responding) await this.#answerFailure(error);
    this.#exchange.cancellation.cancel(error);
    this.#answeredBody?.cancel(error);
  }

  async #answerFailure(error: WeirError): Promise<void> {
    this.#verdict = isVerdict(error) ? 'blocked' : 'error';
    const exchange = this.#exchange;
    exchange.body?.cancel(error);
    if (this.#late !== null && (await this.#late.fail(error))) {
      if (this.#late.waited !== 'trickle') this.#incident = this.id; // on the page that waits
      return;
    }
    if (this.#responding || exchange.cancellation.reason !== null) return;
    this.#incident = this.#waitedFor ?? this.id;
    const answer =
      this.#context.certificates.answerFor(error, this.#incident, this.#url, this.#session, exchange.head) ??
      errorAnswer(error, this.#incident, this.#url, exchange.head);
    try {
      await this.#respond(answer);
    } catch {
      this.#status = 0; // the client left meanwhile
    }
  }

  get #bytes(): { readonly bytesIn: number; readonly bytesOut: number } {
    const webSocket = this.#switch?.relay?.record;
    if (webSocket !== undefined)
      return { bytesIn: webSocket.toOrigin.bytes, bytesOut: webSocket.toClient.bytes };
    const bytesIn = this.#exchange.body?.pushedBytes ?? 0;
    return { bytesIn, bytesOut: this.#answeredBody?.pushedBytes ?? 0 };
  }

  #end(failure: WeirError | null): TransactionEnd {
    const { head, startedAt } = this.#exchange;
    return {
      id: this.id,
      session: this.#session,
      method: head.method,
      url: this.#url,
      status: this.#status,
      ...this.#bytes,
      adaptation: this.trace,
      verdict: this.#verdict,
      threat: this.#threat,
      incident: this.#incident,
      coverage: this.#coverage,
      startedAt,
      failure,
      waited: this.#late?.waited ?? null,
      waitedFor: this.#waitedFor,
      range: this.#range,
      stream: this.#stream,
      webSocket: this.#switch?.relay?.record ?? null,
      notes: this.#notes,
      capture: this.#capture,
      span: this.#span,
    };
  }
}

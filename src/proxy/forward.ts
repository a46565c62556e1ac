// One transaction through the proxy, in the order in which it happens: judge the request, REQMOD, the
// origin, RESPMOD, answer, log. Every failure on the way becomes one page and one record.

import { HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { Body } from '../http/body.ts';
import type { Answer, ServerExchange } from '../http/server-connection.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { ResponseHead } from '../icap/codec/http-head.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import { OriginNote, TransactionNotes } from '../trace/notes.ts';
import { formatAuthority } from '../util/authority.ts';
import { newIncidentId } from '../util/incident-id.ts';
import type { Coverage, NotScannedReason } from './adaptation/coverage.ts';
import { CLEAN, notScanned, worseOf } from './adaptation/coverage.ts';
import type { PipelineOutput, StepTrace } from './adaptation/pipeline.ts';
import type { SharedFields } from './adaptation/shared-fields.ts';
import { asWeirError, errorAnswer } from './answers.ts';
import { adaptedAnswer, originAnswer } from './final-answer.ts';
import type { OriginRequest, OriginResponse, OriginTarget } from './origin/engine.ts';
import type { Outgoing } from './outgoing-request.ts';
import { adoptRequest, prepareRequest } from './outgoing-request.ts';
import type { ProxyContext, Session } from './session.ts';
import { joinSockets } from './socket-pair.ts';

export class Transaction {
  readonly #context: ProxyContext;
  readonly #session: Session;
  readonly #exchange: ServerExchange;
  readonly #id = newIncidentId();
  readonly #trace: StepTrace[] = [];
  /** Null: nobody traces. */
  readonly #notes: TransactionNotes | null;
  #url: string;
  #responding = false;
  #answeredBody: Body | null = null;
  #status = 0;
  #verdict: ProxyRecord['verdict'] = 'allowed';
  #threat: ProxyRecord['threat'] = null;
  #incident: string | null = null;
  #coverage: Coverage | null = null;
  /** ICAP fields that go from REQMOD to RESPMOD (K-72). */
  readonly #shared: SharedFields | undefined;

  constructor(context: ProxyContext, session: Session, exchange: ServerExchange) {
    this.#context = context;
    this.#session = session;
    this.#exchange = exchange;
    this.#url = exchange.head.target;
    this.#shared = context.pipeline.newShared();
    const { traces } = context;
    this.#notes =
      traces === null || !traces.hasRoom
        ? null
        : new TransactionNotes(traces.bodies, exchange.head, session.opening ?? null, exchange.startedAt);
  }

  /** Runs to the end; never rejects. */
  async run(): Promise<void> {
    let failure: WeirError | null = null;
    try {
      await this.#forward();
    } catch (error) {
      failure = asWeirError(error);
      await this.#answerFailure(failure);
    }
    const { telemetry, traces } = this.#context;
    if (!telemetry.records && traces === null) return;
    const record = this.#record(failure);
    if (telemetry.records) telemetry.proxy(record);
    traces?.add(record, this.#notes);
  }

  async #forward(): Promise<void> {
    const exchange = this.#exchange;
    const outgoing = prepareRequest(this.#context, this.#session, exchange, (url) => (this.#url = url));
    const { pipeline } = this.#context;
    if (exchange.facts.expect !== null) this.#expect(outgoing);
    if (pipeline.has('REQMOD')) {
      const adapted = await this.#adapt('REQMOD', outgoing, null, outgoing.body, null);
      if (adapted.response !== null)
        return this.#respond(adaptedAnswer(adapted.response, adapted.body, outgoing.head.method));
      outgoing.body = adapted.body;
      if (adapted.request !== null) adoptRequest(this.#context, outgoing, adapted.request);
    } else this.#leaveOut(outgoing.body);
    const response = await this.#context.engine.send(this.#originRequest(outgoing));
    if (response.upgraded !== null) return this.#upgrade(response);
    if (!pipeline.has('RESPMOD')) {
      this.#leaveOut(response.body);
      return this.#respond(originAnswer(response, response.body));
    }
    const { facts } = response;
    const seen: ResponseHead = { ...response.head, version: '1.1', headers: facts.endToEnd };
    const adapted = await this.#adapt('RESPMOD', outgoing, seen, response.body, response.serverIp);
    if (adapted.response === null) return this.#respond(originAnswer(response, adapted.body));
    return this.#respond(adaptedAnswer(adapted.response, adapted.body, outgoing.head.method));
  }

  // --- the request ---

  /** The body is wanted for inspection at once: say so before REQMOD, or everybody waits (K-14). */
  #expect(outgoing: Outgoing): void {
    if (!/^100-continue$/i.test(this.#exchange.facts.expect!)) {
      throw new HttpError('ERR_HTTP_EXPECTATION', 'only the expectation 100-continue is supported');
    }
    if (this.#exchange.body !== null) this.#exchange.inform(100, 'Continue', []);
    outgoing.head.headers = withoutField(outgoing.head.headers, 'expect');
  }

  #adapt(
    method: 'REQMOD' | 'RESPMOD',
    outgoing: Outgoing,
    response: ResponseHead | null,
    body: Body | null,
    serverIp: string | null,
  ): Promise<PipelineOutput> {
    const { head, target, url } = outgoing;
    const input = {
      host: target.serverName,
      request: { method: head.method, target: url, version: '1.1', headers: head.headers },
      response,
      body,
      clientIp: this.#session.client,
      serverIp,
      user: this.#session.user,
      cancellation: this.#exchange.cancellation,
      notes: this.#notes,
      ...(this.#shared === undefined ? {} : { shared: this.#shared }),
    };
    return this.#context.pipeline.run(method, input, this.#trace).then((output) => {
      if (output.verdict !== 'allowed') this.#verdict = output.verdict;
      if (output.threat !== null) this.#threat = output.threat;
      if (output.incident !== null) this.#incident = output.incident;
      this.#coverage = worseOf(this.#coverage, output.coverage);
      return output;
    });
  }

  /** A message at a point without rules. @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` */
  #leaveOut(body: Body | null): void {
    if (body === null) return;
    try {
      this.#coverage = worseOf(this.#coverage, this.#context.pipeline.leftOut('policy'));
    } catch (error) {
      body.cancel(error as WeirError);
      throw error;
    }
  }

  #originRequest(outgoing: Outgoing): OriginRequest {
    const { head } = outgoing;
    const { upgrade } = this.#exchange.facts;
    return {
      target: outgoing.target,
      head: {
        ...head,
        headers: [...head.headers, 'Via', `${this.#exchange.head.version} ${this.#context.viaName}`],
      },
      body: outgoing.body,
      contentLength: outgoing.contentLength,
      trailer: outgoing.trailer,
      // Never towards h2c: it would leave inspection behind.
      upgrade: upgrade !== null && outgoing.body === null && !/\bh2c\b/i.test(upgrade) ? upgrade : null,
      cancellation: this.#exchange.cancellation,
      note: this.#noteOrigin(outgoing.target),
      onInformation: (status, reason, headers) => this.#exchange.inform(status, reason, headers),
    };
  }

  #noteOrigin({ host, port }: OriginTarget): OriginNote | null {
    if (this.#notes === null) return null;
    this.#notes.origin = new OriginNote(formatAuthority(host, port));
    return this.#notes.origin;
  }

  // --- the answer ---

  #respond(answer: Answer): Promise<void> {
    this.#responding = true;
    this.#status = answer.status;
    this.#answeredBody = answer.body;
    if (this.#notes !== null) {
      const { status, reason, headers } = answer;
      this.#notes.answer = { status, reason, headers };
    }
    return this.#exchange.respond(answer);
  }

  /** @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` where nothing may pass uninspected */
  #upgrade(response: OriginResponse): void {
    const { socket: origin, rest } = response.upgraded!;
    try {
      this.#coverage = worseOf(this.#coverage, this.#context.pipeline.leftOut('stream'));
    } catch (error) {
      origin.destroy();
      throw error;
    }
    this.#responding = true;
    this.#status = 101;
    const { reason, headers } = response.head;
    this.#exchange.inform(101, reason, headers);
    const { socket: client, rest: early } = this.#exchange.takeOver();
    joinSockets(client, early, origin, rest);
  }

  async #answerFailure(error: WeirError): Promise<void> {
    this.#verdict = error.code === 'ERR_ADAPT_NOT_SCANNED' ? 'blocked' : 'error';
    const exchange = this.#exchange;
    exchange.body?.cancel(error);
    if (this.#responding || exchange.cancellation.reason !== null) return;
    this.#incident = this.#id;
    const answer = errorAnswer(error, this.#id, this.#url, exchange.head);
    try {
      await this.#respond(answer);
    } catch {
      this.#status = 0; // the client left meanwhile
    }
  }

  #record(failure: WeirError | null): ProxyRecord {
    const { client, user, tls } = this.#session;
    return {
      id: this.#id,
      client,
      user,
      method: this.#exchange.head.method,
      url: this.#url,
      status: this.#status,
      bytesIn: this.#exchange.body?.pushedBytes ?? 0,
      bytesOut: this.#answeredBody?.pushedBytes ?? 0,
      tls,
      adaptation: this.#trace,
      verdict: this.#verdict,
      threat: this.#threat,
      incident: this.#incident,
      coverage: coverageOf(failure, this.#coverage),
      ms: performance.now() - this.#exchange.startedAt,
      ...(failure === null ? {} : { error: { code: failure.code, message: failure.message } }),
    };
  }
}

/** What is logged: null where a failure left it open. */
function coverageOf(failure: WeirError | null, seen: Coverage | null): Coverage | null {
  if (failure === null) return seen ?? CLEAN;
  if (failure.code !== 'ERR_ADAPT_NOT_SCANNED') return null;
  return notScanned(failure.fields['reason'] as NotScannedReason);
}

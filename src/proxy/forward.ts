// One transaction through the proxy, in the order in which it happens: judge the request, REQMOD, the
// origin, RESPMOD, answer, log. Every failure on the way becomes one page and one record.

import { HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { Body } from '../http/body.ts';
import { readHeaderFacts } from '../http/framing.ts';
import type { HeaderFacts } from '../http/framing.ts';
import type { Answer, ServerExchange } from '../http/server-connection.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../icap/codec/http-head.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import { newIncidentId } from '../util/incident-id.ts';
import type { PipelineOutput, StepTrace } from './adaptation/pipeline.ts';
import { asWeirError, errorAnswer } from './answers.ts';
import type { OriginRequest, OriginResponse, OriginTarget } from './origin/engine.ts';
import { splitAbsoluteForm } from './request-target.ts';
import type { ProxyContext, Session } from './session.ts';
import { joinSockets } from './socket-pair.ts';

/** A request as it goes to the origin. */
interface Outgoing {
  target: OriginTarget;
  head: RequestHead;
  /** Request line target in absolute form, as services see it. */
  url: string;
  body: Body | null;
  contentLength: number | null;
  trailer: string | null;
}

export class Transaction {
  readonly #context: ProxyContext;
  readonly #session: Session;
  readonly #exchange: ServerExchange;
  readonly #id = newIncidentId();
  readonly #trace: StepTrace[] = [];
  #url: string;
  #responding = false;
  #answeredBody: Body | null = null;
  #status = 0;
  #verdict: ProxyRecord['verdict'] = 'allowed';
  #threat: ProxyRecord['threat'] = null;
  #incident: string | null = null;

  constructor(context: ProxyContext, session: Session, exchange: ServerExchange) {
    this.#context = context;
    this.#session = session;
    this.#exchange = exchange;
    this.#url = exchange.head.target;
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
    if (this.#context.telemetry.records) this.#context.telemetry.proxy(this.#record(failure));
  }

  async #forward(): Promise<void> {
    const exchange = this.#exchange;
    const outgoing = this.#prepare();
    const { pipeline } = this.#context;
    if (exchange.facts.expect !== null) this.#expect(outgoing);
    if (pipeline.has('REQMOD')) {
      const adapted = await this.#adapt('REQMOD', outgoing, null, outgoing.body, null);
      if (adapted.response !== null)
        return this.#respond(adaptedAnswer(adapted.response, adapted.body, outgoing.head.method));
      outgoing.body = adapted.body;
      if (adapted.request !== null) this.#adoptRequest(outgoing, adapted.request);
    }
    const response = await this.#context.engine.send(this.#originRequest(outgoing));
    if (response.upgraded !== null) return this.#upgrade(response);
    if (!pipeline.has('RESPMOD')) return this.#respond(originAnswer(response, response.body));
    const { facts } = response;
    const seen: ResponseHead = { ...response.head, version: '1.1', headers: facts.endToEnd };
    const adapted = await this.#adapt('RESPMOD', outgoing, seen, response.body, response.serverIp);
    if (adapted.response === null) return this.#respond(originAnswer(response, adapted.body));
    return this.#respond(adaptedAnswer(adapted.response, adapted.body, outgoing.head.method));
  }

  // --- the request ---

  #prepare(): Outgoing {
    const { head, facts, body, framing } = this.#exchange;
    const { tunnel } = this.#session;
    // Inside a tunnel its target decides where to go; an absolute form only names the path.
    const split = splitAbsoluteForm(head.target, head.method, tunnel === null ? ['http'] : ['http', 'https']);
    if (tunnel === null && split === null) throw notForProxy(head);
    const target = tunnel === null ? split!.target : tunnel.target;
    const path = split?.path ?? head.target;
    const authority = tunnel === null ? split!.authority : (facts.host ?? tunnel.authority);
    const scheme = target.secure ? 'https' : 'http';
    this.#url = path === '*' ? `${scheme}://${authority}` : `${scheme}://${authority}${path}`;
    if (path !== '*' && !path.startsWith('/')) throw notForProxy(head);
    if (facts.via?.includes(this.#context.viaName)) {
      throw new HttpError('ERR_PROXY_LOOP', 'the request has passed through this proxy before (Via)');
    }
    if (tunnel === null) this.#context.checkTarget(target.host, target.port);
    const headers =
      split === null || tunnel !== null ? facts.endToEnd : withHost(facts.endToEnd, facts.host, authority);
    return {
      target,
      head: { method: head.method, target: path, version: '1.1', headers },
      url: this.#url,
      body,
      contentLength: framing.kind === 'length' ? framing.length : null,
      trailer: facts.trailer,
    };
  }

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
    };
    return this.#context.pipeline.run(method, input, this.#trace).then((output) => {
      if (output.verdict !== 'allowed') this.#verdict = output.verdict;
      if (output.threat !== null) this.#threat = output.threat;
      if (output.incident !== null) this.#incident = output.incident;
      return output;
    });
  }

  /** Goes on with the request that a service made of it, also to another place (K-51). */
  #adoptRequest(outgoing: Outgoing, adapted: RequestHead): void {
    const facts = readHeaderFacts(adapted.headers);
    const split = splitAbsoluteForm(adapted.target, adapted.method, ['http', 'https']);
    if (split !== null && adapted.target !== outgoing.url) {
      const { host, port, secure } = split.target;
      const same =
        host === outgoing.target.host && port === outgoing.target.port && secure === outgoing.target.secure;
      if (!same && !(this.#session.tunnel !== null && split.authority === facts.host)) {
        this.#context.checkTarget(host, port);
        outgoing.target = split.target;
      }
      outgoing.url = adapted.target;
    }
    const path = split?.path ?? adapted.target;
    const hasBody = outgoing.body !== null;
    outgoing.contentLength = hasBody ? facts.contentLength : null;
    const headers = hasBody ? facts.endToEnd : withoutUntrueLength(facts);
    outgoing.head = { method: adapted.method, target: path, version: '1.1', headers };
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
      onInformation: (status, reason, headers) => this.#exchange.inform(status, reason, headers),
    };
  }

  // --- the answer ---

  #respond(answer: Answer): Promise<void> {
    this.#responding = true;
    this.#status = answer.status;
    this.#answeredBody = answer.body;
    return this.#exchange.respond(answer);
  }

  #upgrade(response: OriginResponse): void {
    this.#responding = true;
    this.#status = 101;
    const { socket: origin, rest } = response.upgraded!;
    const { reason, headers } = response.head;
    this.#exchange.inform(101, reason, headers);
    const { socket: client, rest: early } = this.#exchange.takeOver();
    joinSockets(client, early, origin, rest);
  }

  async #answerFailure(error: WeirError): Promise<void> {
    this.#verdict = 'error';
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
      ms: performance.now() - this.#exchange.startedAt,
      ...(failure === null ? {} : { error: { code: failure.code, message: failure.message } }),
    };
  }
}

/** The origin's answer as it came. */
function originAnswer(response: OriginResponse, body: Body | null): Answer {
  const { head, facts } = response;
  return {
    status: head.status,
    reason: head.reason,
    headers: facts.endToEnd,
    body,
    contentLength: facts.contentLength,
    trailer: facts.trailer,
  };
}

/** An answer made by a service: hop-by-hop fields go, framing is worked out anew (C-93, C-37). */
function adaptedAnswer(head: ResponseHead, body: Body | null, method: string): Answer {
  const facts = readHeaderFacts(head.headers);
  const bodiless = method === 'HEAD' || head.status === 204 || head.status === 304;
  if (bodiless) body?.cancel();
  const kept = bodiless ? null : body;
  const headers = kept === null && !bodiless ? withoutUntrueLength(facts) : facts.endToEnd;
  const contentLength =
    kept !== null || bodiless ? facts.contentLength : facts.contentLength === 0 ? 0 : null;
  return {
    status: head.status,
    reason: head.reason,
    headers,
    body: kept,
    contentLength,
    trailer: facts.trailer,
  };
}

function withoutUntrueLength(facts: HeaderFacts): RawHeaders {
  if (facts.contentLength === null || facts.contentLength === 0) return facts.endToEnd;
  return withoutField(facts.endToEnd, 'content-length');
}

/** A proxy ignores Host beside an absolute form and sends what the target says (RFC 9112 §3.2.2). */
function withHost(headers: RawHeaders, host: string | null, authority: string): RawHeaders {
  if (host === null) return ['Host', authority, ...headers];
  if (host.toLowerCase() === authority.toLowerCase()) return headers;
  const copy = [...headers];
  for (let i = 0; i < copy.length; i += 2) if (copy[i]!.toLowerCase() === 'host') copy[i + 1] = authority;
  return copy;
}

function notForProxy(head: RequestHead): HttpError {
  const shown = head.target.length > 60 ? `${head.target.slice(0, 60)}…` : head.target;
  return new HttpError(
    'ERR_HTTP_TARGET',
    `this is a proxy: set it as your HTTP proxy instead of opening it (the request asks for "${shown}")`,
  );
}

// One request and its response on node's objects, in the order in which it happens: REQMOD, the handlers,
// RESPMOD, answer, record. The counterpart of proxy/forward.ts for servers that are not ours.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { WeirError } from '../errors.ts';
import { HttpError } from '../errors.ts';
import type { Body } from '../http/body.ts';
import { readHeaderFacts } from '../http/framing.ts';
import { HeldBody } from '../http/held-body.ts';
import type { SpoolOptions } from '../http/spool.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { RequestHead, ResponseHead } from '../icap/codec/http-head.ts';
import type { Coverage, NotScannedReason } from '../proxy/adaptation/coverage.ts';
import { CLEAN, isPartial, worseOf } from '../proxy/adaptation/coverage.ts';
import type {
  AdaptationPipeline,
  PipelineInput,
  PipelineOutput,
  StepTrace,
} from '../proxy/adaptation/pipeline.ts';
import type { SharedFields } from '../proxy/adaptation/shared-fields.ts';
import { asWeirError, errorAnswer } from '../proxy/answers.ts';
import type { RangeRecord } from '../proxy/ranges/range-types.ts';
import type { StreamRecord, StreamTransaction } from '../proxy/streams/stream-call.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import { TransactionNotes } from '../trace/notes.ts';
import { Cancellation } from '../util/cancellation.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { CapturedResponse, sendable } from './captured-response.ts';
import type { ResponseToSend } from './captured-response.ts';
import { PartOfWhole } from './part-of-whole.ts';
import { PatientResponse } from './patient-response.ts';
import type { AdaptationPolicy } from './policy.ts';
import { adoptRequest, clientOf, hostOf, requestHeadOf, setHeaders, tlsOf } from './request-head.ts';
import { hasBody, TakenRequestBody } from './request-body.ts';

export interface ExchangeOptions {
  readonly policy: AdaptationPolicy;
  /** What the record says of the client. Default: of the connection, or what the framework knows. */
  readonly client?: string;
  /** Body of the request, where it does not come from `req`. */
  readonly body?: Body | null;
  /** Keeps a body in chunks until its length is known, for handlers that cannot send chunks. */
  readonly lengthWanted?: SpoolOptions;
  /** Judges the request, and may change its fields, before anything else; what it throws is answered. */
  readonly prepare?: (req: IncomingMessage) => void;
  /** The request asks for another protocol, which nobody will inspect. */
  readonly upgrade?: boolean;
  /** Called before the first byte of an answer. */
  readonly beforeSending?: () => void;
}

const exchanges = new WeakMap<IncomingMessage, AdaptedExchange>();

export class AdaptedExchange implements StreamTransaction {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #options: ExchangeOptions;
  readonly #policy: AdaptationPolicy;
  readonly #pipeline: AdaptationPipeline;
  readonly #capture: CapturedResponse;
  readonly #cancellation = new Cancellation();
  readonly id = newIncidentId();
  readonly trace: StepTrace[] = [];
  #notes: TransactionNotes | null = null;
  readonly #startedAt = performance.now();
  readonly #shared: SharedFields | undefined;
  readonly #client: string;
  readonly #method: string;
  #user: string | null = null;
  #request: RequestHead | null = null;
  #url: string;
  #taken: TakenRequestBody | null = null;
  #given: Body | null = null;
  #status = 0;
  #verdict: ProxyRecord['verdict'] = 'allowed';
  #threat: ProxyRecord['threat'] = null;
  #incident: string | null = null;
  #coverage: Coverage | null = null;
  /** The part that the client asked for. */
  #part: PartOfWhole | null = null;
  #range: RangeRecord | null = null;
  #stream: StreamRecord | null = null;
  #failure: WeirError | null = null;
  /** Null: the client waits, or nothing is scanned yet. */
  #patient: PatientResponse | null = null;
  #recorded = false;

  constructor(req: IncomingMessage, res: ServerResponse, options: ExchangeOptions) {
    this.#req = req;
    this.#res = res;
    this.#options = options;
    this.#policy = options.policy;
    this.#pipeline = options.policy.pipeline; // another one may come: what has begun ends as it began
    this.#shared = this.#pipeline.newShared();
    this.#client = options.client ?? clientOf(req);
    this.#method = req.method ?? '';
    this.#url = req.url ?? '';
    this.#capture = new CapturedResponse(res, {
      wants: (status) => this.#wantsResponse(status),
      onResponse: (head, body) => void this.#adaptResponse(head, body),
      beforeSending: () => {
        this.#status = res.statusCode;
        options.beforeSending?.();
      },
    });
    res.once('close', () => this.#closed());
    exchanges.set(req, this);
  }

  /** The exchange that a request belongs to. */
  static of(req: IncomingMessage): AdaptedExchange | undefined {
    return exchanges.get(req);
  }

  /** The adapted body where it was given as one; `req` has it otherwise. */
  get body(): Body | null {
    return this.#given;
  }

  /** Adapts the request and, unless that is the answer, goes on to `next`. Never rejects. */
  async run(next: () => void): Promise<void> {
    try {
      if (!(await this.#adaptRequest())) return;
    } catch (error) {
      return this.fail(error);
    }
    try {
      next();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Answers with an error's page, or cuts the answer that has begun. */
  fail(error: unknown): void {
    const failure = asWeirError(error);
    this.#failure ??= failure;
    this.#verdict = failure.code === 'ERR_ADAPT_NOT_SCANNED' ? 'blocked' : 'error';
    this.#capture.discard(failure);
    this.#taken?.drop();
    this.#patient?.fail(failure);
    if (this.#cancellation.reason !== null || this.#res.writableFinished) return;
    if (this.#capture.begun) return void this.#res.destroy();
    this.#incident = this.id;
    const { method, rawHeaders: headers } = this.#req;
    this.#capture.send(errorAnswer(failure, this.id, this.#url, { method: method ?? '', headers }));
  }

  /** The connection speaks another protocol from here on. */
  switched(status: number): void {
    this.#status = status;
    this.#record();
  }

  // --- the request ---

  /** @returns false when the service has answered in the handlers' stead */
  async #adaptRequest(): Promise<boolean> {
    const req = this.#req;
    const { lengthWanted, body: givenBody } = this.#options;
    this.#options.prepare?.(req);
    this.#user = this.#policy.user(req);
    if (this.#pipeline.has('RESPMOD')) this.#takePart(req);
    const request = requestHeadOf(req);
    this.#request = { ...request, headers: withoutField(request.headers, 'expect') }; // node has said 100
    this.#url = request.target;
    const adapts = this.#pipeline.has('REQMOD') && !this.#policy.skip(req, 'reqmod', this.#res);
    if (this.#options.upgrade === true) this.#leaveOut('stream', 'tunnel');
    if (!adapts && (givenBody === undefined ? hasBody(req) : givenBody !== null)) {
      this.#leaveOut('policy', 'REQMOD');
    }
    const chunked = req.headers['content-length'] === undefined;
    if (!adapts && (lengthWanted === undefined || !chunked || !hasBody(req))) return true;

    let body: Body | null;
    if (givenBody !== undefined) body = givenBody;
    else {
      if (hasBody(req)) this.#taken = new TakenRequestBody(req);
      this.#res.once('finish', () => this.#taken?.answered());
      body = this.#taken?.original ?? null;
    }
    let length = body?.declaredLength ?? (body === null ? undefined : null);
    if (adapts) {
      const output = await this.#run('REQMOD', this.#request, null, body);
      if (output.response !== null) {
        this.#taken?.drop();
        this.#capture.send(sendable(output.response, output.body, this.#method));
        return false;
      }
      body = output.body;
      if (output.request !== null) {
        length = body === null ? undefined : readHeaderFacts(output.request.headers).contentLength;
        adoptRequest(req, this.#request, output.request, length);
        this.#request = output.request;
      } else delete req.headers.expect;
    }
    if (lengthWanted !== undefined && body !== null && length === null) {
      const held = new HeldBody(body, lengthWanted);
      length = (await held.hold()).size;
      body = held.restream();
      setHeaders(req, this.#request.headers, length);
    }
    if (givenBody !== undefined) this.#given = body;
    else this.#taken?.give(body);
    return true;
  }

  /** @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` */
  #takePart(req: IncomingMessage): void {
    const asked = req.headers.range;
    if (asked === undefined) return;
    const plan = { ...this.#factsOf(requestHeadOf(req)), response: null, length: null };
    if (!this.#pipeline.mayAdaptResponse(plan)) return; // the application's own affair
    this.#part = PartOfWhole.takenFrom(req, this.#policy.parts);
    if (req.headers.range !== asked) this.#range = { object: null, use: 'stripped' };
  }

  // --- the response ---

  #wantsResponse(status: number): boolean {
    if (this.#request === null) return false;
    if (this.#method === 'HEAD' || status < 200 || status === 204 || status === 304) return false;
    if (this.#pipeline.has('RESPMOD') && !this.#policy.skip(this.#req, 'respmod', this.#res)) return true;
    try {
      this.#leaveOut('policy', 'RESPMOD');
      return false;
    } catch (error) {
      this.fail(error);
      return true;
    }
  }

  /** @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` where nothing may pass uninspected */
  #leaveOut(reason: NotScannedReason, point: 'REQMOD' | 'RESPMOD' | 'tunnel'): void {
    this.#coverage = worseOf(this.#coverage, this.#pipeline.leftOut(reason, point));
  }

  async #adaptResponse(head: ResponseHead, body: Body | null): Promise<void> {
    if (this.#failure !== null) return void body?.cancel(this.#failure); // answered already
    try {
      if (this.#isUnaskedPart(head, body)) {
        this.#leaveOut('range', 'RESPMOD');
        return this.#capture.send({ status: head.status, reason: head.reason, headers: null, body });
      }
      const patient = this.#beginPatience(head, body);
      const output = await this.#run('RESPMOD', this.#request!, head, body);
      if (patient !== null && (await patient.finish(output, head))) return;
      const part = this.#partOf(output, head);
      if (part !== null) return this.#capture.send(part);
      if (output.response !== null)
        return this.#capture.send(sendable(output.response, output.body, this.#method));
      this.#capture.send({ status: head.status, reason: head.reason, headers: null, body: output.body });
    } catch (error) {
      this.fail(error);
    }
  }

  #beginPatience(head: ResponseHead, body: Body | null): PatientResponse | null {
    const { patience = null, streams } = this.#policy;
    const request = this.#request!;
    if (this.#part !== null || streams.isStream({ response: head, body })) return null;
    this.#patient = PatientResponse.of(patience, {
      ...{ client: this.#client, user: this.#user, request, id: this.id },
      ...{ cancellation: this.#cancellation, res: this.#res, capture: this.#capture },
    });
    this.#patient?.begin(body);
    return this.#patient;
  }

  /** A part that services would take for an object: the handler has sent it without being asked for one. */
  #isUnaskedPart(head: ResponseHead, body: Body | null): boolean {
    if (this.#policy.parts === 'fragment' || !isPartial(head)) return false;
    const length = body?.declaredLength ?? null;
    return this.#pipeline.sees('RESPMOD', { ...this.#factsOf(this.#request!), response: head, length });
  }

  /** What of a judged response the client has asked for; null: it gets what there is. */
  #partOf({ verdict, response, body }: PipelineOutput, original: ResponseHead): ResponseToSend | null {
    if (this.#part === null || verdict === 'blocked') return null;
    const head = response ?? original;
    const part = this.#part.of({ ...head, headers: readHeaderFacts(head.headers).endToEnd }, body);
    if (part !== null) this.#range = { object: this.id, use: 'fetched' };
    return part;
  }

  #run(
    method: 'REQMOD' | 'RESPMOD',
    request: RequestHead,
    response: ResponseHead | null,
    body: Body | null,
  ): Promise<PipelineOutput> {
    const input = {
      ...this.#factsOf(request),
      response,
      body,
      serverIp: this.#req.socket.localAddress?.replace(/^::ffff:/, '') ?? null,
      cancellation: this.#patient?.cancellation ?? this.#cancellation,
      ...(this.#patient === null ? {} : { onHold: this.#patient.onHold }),
      ...(this.#shared === undefined ? {} : { shared: this.#shared }),
      notes: this.#noted(request),
    };
    return this.#policy.streams.adapt(this.#pipeline, method, input, this).then((output) => {
      this.onOutput(output);
      return output;
    });
  }

  /** What rules look at in a request. */
  #factsOf(request: RequestHead): Pick<PipelineInput, 'host' | 'request' | 'clientIp' | 'user'> {
    const clientIp = this.#client === 'unknown' ? null : this.#client;
    return { host: hostOf(request.target), request, clientIp, user: this.#user };
  }

  // --- as StreamTransaction ---

  onOutput({ verdict, threat, incident, coverage }: PipelineOutput): void {
    if (verdict !== 'allowed') this.#verdict = verdict;
    if (threat !== null) this.#threat = threat;
    if (incident !== null) this.#incident = incident;
    this.#coverage = worseOf(this.#coverage, coverage);
  }

  claimsStream(): boolean {
    return this.#patient?.claimsStream() ?? true;
  }

  onStream(stream: StreamRecord): void {
    this.#stream = stream;
  }

  #noted(request: RequestHead): TransactionNotes | null {
    const { traces = null } = this.#policy;
    if (traces !== null) this.#notes ??= new TransactionNotes(traces.bodies, request, null, this.#startedAt);
    return this.#notes;
  }

  // --- the end ---

  #closed(): void {
    if (!this.#res.writableFinished) {
      const gone = new HttpError('ERR_ABORTED', 'the client closed the connection');
      this.#cancellation.cancel(gone);
      this.#capture.discard(gone);
      const cut = this.#patient?.cut ?? null;
      // Who leaves a stream has had what it wanted of it; that a blocked answer breaks off was wanted.
      const isMeant = this.#stream !== null && this.#capture.begun;
      if (!isMeant && cut?.code !== 'ERR_PATIENCE_BLOCKED') {
        if (this.#failure === null) this.#verdict = 'error';
        this.#failure ??= cut ?? gone;
      }
    }
    this.#record();
  }

  #record(): void {
    const { onRecord, traces = null } = this.#policy;
    if (this.#recorded) return;
    this.#recorded = true;
    this.#policy.meters?.transaction({ ...this.#numbers(), ...errorOf(this.#failure) });
    if (onRecord === null && traces === null) return;
    const failure = this.#failure;
    const { waited = null, waitedAt = null } = this.#patient ?? {};
    if (this.#notes !== null) this.#notes.waitedAt = waitedAt;
    const record: ProxyRecord = {
      id: this.id,
      ...{ client: this.#client, user: this.#user },
      method: this.#method,
      url: this.#url,
      status: this.#capture.begun || this.#status === 101 ? this.#status : 0,
      ...this.#numbers(),
      tls: tlsOf(this.#req.socket as TLSSocket),
      adaptation: this.trace,
      threat: this.#threat,
      incident: this.#incident,
      coverage: failure === null ? (this.#coverage ?? CLEAN) : null,
      ...(waited === null ? {} : { waited }),
      ...(this.#range === null ? {} : { range: this.#range }),
      ...(this.#stream === null ? {} : { stream: this.#stream }),
      ...errorOf(failure),
    };
    onRecord?.(record);
    traces?.add(record, this.#notes);
  }

  #numbers(): Pick<ProxyRecord, 'verdict' | 'bytesIn' | 'bytesOut' | 'ms'> {
    return {
      verdict: this.#verdict,
      bytesIn: this.#taken?.original.pushedBytes ?? 0,
      bytesOut: this.#capture.bytesOut,
      ms: performance.now() - this.#startedAt,
    };
  }
}

function errorOf(failure: WeirError | null): Pick<ProxyRecord, 'error'> {
  return failure === null ? {} : { error: { code: failure.code, message: failure.message } };
}

// What a client gets while a service takes long over the response of a handler: a few bytes a second of it, where
// its type allows that, and then the rest, or a cut. Pages and 202 are the proxy's own: behind them an answer goes
// on without its client, which handlers of others do not do. Who gets what, and how much, is src/proxy/patience.

import type { ServerResponse } from 'node:http';
import { HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { Body } from '../http/body.ts';
import { readHeaderFacts } from '../http/framing.ts';
import type { HeldBody } from '../http/held-body.ts';
import type { Answer } from '../http/server-connection.ts';
import type { RequestHead, ResponseHead } from '../icap/codec/http-head.ts';
import type { PipelineOutput } from '../proxy/adaptation/pipeline.ts';
import { LateAnswer } from '../proxy/patience/late-answer.ts';
import type { PatienceSettings, Waited } from '../proxy/patience/settings.ts';
import { WaitingRoom } from '../proxy/patience/waiting-room.ts';
import type { Cancellation } from '../util/cancellation.ts';
import { Deadlines } from '../util/deadlines.ts';
import type { CapturedResponse } from './captured-response.ts';

const deadlines = new Deadlines();
const room = new WaitingRoom(deadlines); // which nobody enters

export interface PatientSetup {
  readonly client: string;
  readonly user: string | null;
  /** As the client sent it. */
  readonly request: RequestHead;
  readonly id: string;
  /** Of the client's connection. */
  readonly cancellation: Cancellation;
  readonly res: ServerResponse;
  readonly capture: CapturedResponse;
}

export class PatientResponse {
  readonly #setup: PatientSetup;
  readonly #late: LateAnswer;
  /** What is trickled. */
  #body: Body | null = null;

  /** @returns null where clients wait, whatever it takes */
  static of(settings: PatienceSettings | null, setup: PatientSetup): PatientResponse | null {
    // Without a length a client of HTTP/1.0 takes a cut for the end.
    if (settings === null || setup.res.req.httpVersion === '1.0') return null;
    return new PatientResponse({ ...settings, files: 0 }, setup);
  }

  private constructor(settings: PatienceSettings, setup: PatientSetup) {
    this.#setup = setup;
    const { client, user, request, id, cancellation } = setup;
    this.#late = LateAnswer.of(
      { settings, room, deadlines },
      {
        visitor: { client, user },
        ...{ request, url: request.target, transaction: id, cancellation },
        respond: (answer) => this.#respond(answer),
      },
    )!;
  }

  /** How the client was kept waiting. */
  get waited(): Waited | null {
    return this.#late.waited;
  }

  get waitedAt(): number | null {
    return this.#late.waitedAt;
  }

  /** Why the client did not get all of it, where that was not its own doing. */
  get cut(): WeirError | null {
    return (this.#body?.error ?? null) as WeirError | null;
  }

  /** For everything that works on the response. */
  get cancellation(): Cancellation {
    return this.#late.cancellation;
  }

  /** A service works on the response, which is this by now. */
  get onHold(): (head: ResponseHead | null, held: HeldBody) => void {
    return this.#late.onHold;
  }

  /** The handler has answered; from now on the time counts. */
  begin(body: Body | null): void {
    this.#late.begin(body);
  }

  /** Whether the response may be taken for a stream: nothing of it is on its way. Nothing takes long then. */
  claimsStream(): boolean {
    if (this.#late.waited !== null) return false;
    this.#late.deadlineAt = Infinity;
    return true;
  }

  /**
   * The verdict is there.
   * @param original  what the handler has sent
   * @returns whether the rest follows, or was cut off, here; false: nothing was sent yet
   * @throws {HttpError} `ERR_PATIENCE_MODIFIED`; the body's error; `ERR_ABORTED`
   */
  async finish(output: PipelineOutput, original: ResponseHead): Promise<boolean> {
    if (this.#late.waited === null) {
      await this.#late.fail(new HttpError('ERR_ABORTED', 'nobody waits')); // for the deadline to go
      return false;
    }
    const { verdict, threat, incident, coverage, response, body } = output;
    const { status, reason, headers } = response ?? original;
    const { endToEnd, contentLength } = readHeaderFacts(headers);
    const answer = { status, reason, headers: endToEnd, body, contentLength };
    await this.#late.finish(answer, { verdict, threat, incident, coverage });
    return true;
  }

  /** There is no response. */
  fail(error: WeirError): void {
    void this.#late.fail(error);
  }

  #respond({ status, reason, headers, body }: Answer): Promise<void> {
    const { res, capture } = this.#setup;
    this.#body = body;
    return new Promise((resolve, reject) => {
      res.once('close', () => {
        if (res.writableFinished) resolve();
        else reject(this.cut ?? new HttpError('ERR_ABORTED', 'the client closed the connection'));
      });
      capture.send({ status, reason, headers, body });
    });
  }
}

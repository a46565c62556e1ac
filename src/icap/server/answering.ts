// Carries out a final answer: waits for as much of the request as the answer needs, sends head and body,
// then the ICAP trailer. Which answer it is, final-answer.ts decides; what follows it on the connection,
// connection.ts. S-05 … S-08, S-206, C-100, C-101.

import { formatFields } from '../codec/fields.ts';
import { formatIcapMessage } from '../codec/serializer.ts';
import type { Adapted, IcapOutcome, IcapTrailer } from '../service.ts';
import type { AnswerWriter } from './answer-writer.ts';
import type { Exchange } from './exchange.ts';
import { previewIsArriving } from './exchange.ts';
import type { AnswerForm } from './final-answer.ts';
import { answerMessage, formNeedsPreview, formOf, repeatsOriginal } from './final-answer.ts';
import { findingsField } from './responses.ts';
import { announcement, trailerBlock, trailerFor } from './trailer.ts';

/** What an answer needs of its connection. */
export interface AnsweringConnection {
  /** False once the exchange has come to another end. */
  isCurrent(exchange: Exchange): boolean;
  /** Status line, ISTag and Connection of an answer. */
  startOf(exchange: Exchange, status: number): string;
  withVia(section: string): string;
  /** Sends 100: the rest of the body is wanted. */
  askForRest(exchange: Exchange): void;
  /** Nobody reads the original any more. */
  dropOriginal(exchange: Exchange): void;
  /** The client takes nothing, or the service does not complete what it began: time is limited. */
  limitTime(): void;
  onAnswered(exchange: Exchange, status: number, outcome: IcapOutcome): void;
  /** An error answer is due, or the end of the connection if the answer had begun. */
  onFailed(exchange: Exchange, error: unknown): void;
}

export class Answering {
  readonly #connection: AnsweringConnection;
  readonly #writer: AnswerWriter;

  constructor(connection: AnsweringConnection, writer: AnswerWriter) {
    this.#connection = connection;
    this.#writer = writer;
  }

  /** Answers with what the service decided. */
  answer(exchange: Exchange, outcome: IcapOutcome): void {
    try {
      this.#answer(exchange, outcome);
    } catch (error) {
      this.#fail(exchange, outcome, error);
    }
  }

  #answer(exchange: Exchange, outcome: IcapOutcome): void {
    if (!this.#connection.isCurrent(exchange)) return cancelBody(outcome);
    if (formNeedsPreview(exchange, outcome)) {
      exchange.afterPreview = () => this.answer(exchange, outcome);
      return;
    }
    const form = formOf(exchange, outcome);
    if (form === 'unmodified') {
      this.#writer.write(`${this.#start(exchange, 204, outcome)}\r\n`);
      return this.#connection.onAnswered(exchange, 204, outcome);
    }
    const { body } = exchange.transaction;
    if (repeatsOriginal(form) && body !== null && !body.ended) {
      body
        .hold()
        .then(() => this.#send(exchange, outcome, form))
        .catch((error: unknown) => this.#fail(exchange, outcome, error));
    } else if (readsOriginal(outcome, form) && previewIsArriving(exchange)) {
      // Behind the head of the answer no 100 can be sent, and without it the rest never comes.
      exchange.afterPreview = () => this.#sendLater(exchange, outcome, form);
    } else this.#send(exchange, outcome, form);
  }

  #sendLater(exchange: Exchange, outcome: IcapOutcome, form: AnswerForm): void {
    if (!this.#connection.isCurrent(exchange)) return cancelBody(outcome);
    try {
      this.#send(exchange, outcome, form);
    } catch (error) {
      this.#fail(exchange, outcome, error);
    }
  }

  #send(exchange: Exchange, outcome: IcapOutcome, form: AnswerForm): void {
    const connection = this.#connection;
    if (outcome.kind === 'adapted' && !repeatsOriginal(form)) this.#settleOriginal(exchange, outcome, form);
    if (!connection.isCurrent(exchange)) return cancelBody(outcome);
    const message = answerMessage(exchange, outcome, form, (section) => connection.withVia(section));
    const { parts, body, extension } = message;
    if (body !== null && body.error !== null) throw body.error; // still time for an error answer
    const status = form === 'partial' ? 206 : 200;
    const trailer = trailerFor(exchange, outcome);
    const announced = trailer === null ? '' : announcement(trailer);
    const head = formatIcapMessage(this.#start(exchange, status, outcome) + announced, parts);
    exchange.headSent = true;
    exchange.status = status;
    if (this.#writer.writeWhole(head, body, extension)) return this.#afterBody(exchange, outcome, trailer);
    this.#writer.stream(head, body!, extension, {
      onDone: () => this.#afterBody(exchange, outcome, trailer),
      onBroken: (error) => connection.onFailed(exchange, error),
      onFull: () => connection.limitTime(),
    });
  }

  /** What becomes of the original before an answer that does not repeat it. */
  #settleOriginal(exchange: Exchange, { body, serverMade }: Adapted, form: AnswerForm): void {
    // Nothing reads the original any more; a client that sends on is read and not held up (S-07).
    if (serverMade || body === null || form === 'partial') this.#connection.dropOriginal(exchange);
    // A body that the service makes while it reads the original wants the rest of it first.
    else if (exchange.awaitsContinue && !body.ended) this.#connection.askForRest(exchange);
  }

  #afterBody(exchange: Exchange, outcome: IcapOutcome, trailer: IcapTrailer | null): void {
    if (trailer === null) return this.#connection.onAnswered(exchange, exchange.status, outcome);
    exchange.awaitsTrailer = true;
    this.#connection.limitTime();
    trailerBlock(trailer).then(
      (block) => {
        if (!this.#connection.isCurrent(exchange)) return;
        this.#writer.write(block);
        this.#connection.onAnswered(exchange, exchange.status, outcome);
      },
      (error: unknown) => this.#connection.onFailed(exchange, error),
    );
  }

  #fail(exchange: Exchange, outcome: IcapOutcome, error: unknown): void {
    cancelBody(outcome);
    this.#connection.onFailed(exchange, error);
  }

  #start(exchange: Exchange, status: number, { headers }: IcapOutcome): string {
    const start = this.#connection.startOf(exchange, status);
    return start + (headers === undefined ? '' : formatFields(headers)) + findingsField(exchange);
  }
}

/** Whether the answer's body may be made while the original is read. */
function readsOriginal(outcome: IcapOutcome, form: AnswerForm): boolean {
  if (outcome.kind !== 'adapted' || outcome.serverMade || form === 'partial') return false;
  return outcome.body !== null && !outcome.body.ended;
}

/** Nobody waits for what the service made any more. */
function cancelBody(outcome: IcapOutcome): void {
  if (outcome.kind === 'adapted') outcome.body?.cancel();
}

// The way to a service of our own gateway without a socket: same semantics as over TCP, but the message
// is handed over as it is. Unmodified means that the original body goes on; nothing is encoded.
// See docs/decisions/0006-in-process-icap.md.

import { IcapError, isWeirError, messageOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import { assembledBody, keptFrom, withAssembledLength } from '../partial.ts';
import type { IcapOutcome, IcapService, IcapServiceHost, IcapTransaction } from '../service.ts';
import type { ServiceNote } from '../../trace/notes.ts';
import type { Adaptation, AdaptationMessage, AdaptationService } from './adaptation.ts';
import { UNMODIFIED_STATUS } from './adaptation.ts';
import { encodedGroups } from './identity.ts';

const NO_HEADERS: RawHeaders = [];

export class InProcessService implements AdaptationService {
  readonly name: string;
  readonly available = true;
  readonly remote = false;
  readonly #host: IcapServiceHost;
  readonly #path: string;
  readonly #args: string;

  constructor(name: string, host: IcapServiceHost, path: string, args: string) {
    this.name = name;
    this.#host = host;
    this.#path = path;
    this.#args = args;
  }

  adapt(message: AdaptationMessage): Adaptation | Promise<Adaptation> {
    const service = this.#host.find(this.#path);
    if (service === undefined) {
      throw new IcapError('ERR_ADAPT_STATUS', `the gateway has no service at ${this.#path}`, {
        service: this.name,
      });
    }
    if (!service.methods.includes(message.method)) {
      throw new IcapError('ERR_ADAPT_METHOD', `${this.#path} does not offer ${message.method}`, {
        service: this.name,
      });
    }
    const transaction = new LocalTransaction(message, this.#args);
    const startedAt = performance.now();
    try {
      const outcome = service.handle(transaction);
      if (!(outcome instanceof Promise)) return this.#finish(service, transaction, outcome, startedAt);
      return outcome.then(
        (settled) => this.#finish(service, transaction, settled, startedAt),
        (error: unknown) => this.#fail(service, transaction, error, startedAt),
      );
    } catch (error) {
      return this.#fail(service, transaction, error, startedAt);
    }
  }

  istag(): string | null {
    return this.#host.find(this.#path)?.describe('in-process').istag ?? null;
  }

  close(): void {}

  #finish(
    service: IcapService,
    transaction: LocalTransaction,
    outcome: IcapOutcome,
    startedAt: number,
  ): Adaptation {
    const { message } = transaction;
    const icapHeaders = outcome.headers ?? NO_HEADERS;
    if (outcome.kind === 'unmodified') {
      this.#report(service, transaction, UNMODIFIED_STATUS, outcome, null, startedAt);
      const body = message.body === null ? null : message.body.restream();
      return {
        icapStatus: UNMODIFIED_STATUS,
        request: null,
        response: null,
        body,
        icapHeaders,
        preview: null,
      };
    }
    const from = keptFrom(transaction, outcome);
    const icapStatus = from === null ? 200 : 206;
    const { request, response } = from === null ? outcome : withAssembledLength(transaction, outcome, from);
    const body = from === null ? outcome.body : assembledBody(transaction, outcome, from);
    this.#report(service, transaction, icapStatus, outcome, null, startedAt);
    return {
      icapStatus,
      request: request ?? null,
      response: response ?? null,
      body,
      icapHeaders,
      preview: null,
    };
  }

  #fail(service: IcapService, transaction: LocalTransaction, error: unknown, startedAt: number): never {
    const failure = isWeirError(error)
      ? error
      : new IcapError(
          'ERR_ICAP_SERVICE',
          `the service failed: ${messageOf(error)}`,
          { service: this.name },
          error,
        );
    this.#report(service, transaction, failure.icapStatus, null, failure, startedAt);
    throw failure;
  }

  #report(
    service: IcapService,
    transaction: LocalTransaction,
    icapStatus: number,
    outcome: IcapOutcome | null,
    error: WeirError | null,
    startedAt: number,
  ): void {
    if (transaction.note !== null) transaction.note.findings = service.findingsOf?.(transaction) ?? null;
    if (this.#host.report === undefined) return;
    this.#host.report({
      service: service.path,
      transaction,
      icapStatus,
      outcome,
      error,
      ms: performance.now() - startedAt,
    });
  }
}

class LocalTransaction implements IcapTransaction {
  readonly message: AdaptationMessage;
  readonly args: string;
  readonly icapClient = 'in-process';
  readonly note: ServiceNote | null;
  #icapHeaders: RawHeaders | null = null;

  constructor(message: AdaptationMessage, args: string) {
    this.message = message;
    this.note = message.note ?? null; // another service's, by the time that this one has answered
    this.args = args;
  }

  get method() {
    return this.message.method;
  }

  get request() {
    return this.message.request;
  }

  get response() {
    return this.message.response;
  }

  get body() {
    return this.message.body;
  }

  get signal(): AbortSignal {
    return this.message.cancellation.signal;
  }

  get icapHeaders(): RawHeaders {
    if (this.#icapHeaders === null) {
      const { clientIp, serverIp, user, groups = [], extraIcapHeaders = NO_HEADERS } = this.message;
      this.#icapHeaders = [...extraIcapHeaders];
      if (clientIp !== null) this.#icapHeaders.push('X-Client-IP', clientIp);
      if (serverIp !== null) this.#icapHeaders.push('X-Server-IP', serverIp);
      if (user !== null) this.#icapHeaders.push('X-Authenticated-User', user);
      if (groups.length > 0) this.#icapHeaders.push('X-Authenticated-Groups', groupsText(groups));
    }
    return this.#icapHeaders;
  }
}

/** A name with a comma would be two, unless it is written as for other servers. */
function groupsText(groups: readonly string[]): string {
  return groups.some((group) => group.includes(',')) ? encodedGroups(groups) : groups.join(',');
}

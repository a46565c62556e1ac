// The gateway's two services that inspect nothing: `/echo` answers "not modified", `/info` shows the
// state of the gateway as a page.

import { Body } from '../http/body.ts';
import type { IcapOutcome, IcapService, IcapTransaction, ServiceDescription } from '../icap/service.ts';
import { audienceOf } from '../pages/index.ts';
import type { Page } from '../pages/index.ts';
import type { PageAudience } from '../pages/index.ts';

const UNMODIFIED: IcapOutcome = { kind: 'unmodified' };

export interface SimpleServiceOptions {
  readonly path: string;
  readonly methods: IcapService['methods'];
  readonly previewBytes: number;
  readonly maxConnections: number;
  readonly optionsTtlSeconds: number;
}

function description(options: SimpleServiceOptions, istag: string, service: string): ServiceDescription {
  return {
    istag,
    preview: options.previewBytes,
    optionsTtlSeconds: options.optionsTtlSeconds,
    maxConnections: options.maxConnections,
    service,
    serviceId: options.path.slice(1),
  };
}

export class EchoService implements IcapService {
  readonly path: string;
  readonly methods: IcapService['methods'];
  readonly #description: ServiceDescription;

  constructor(options: SimpleServiceOptions) {
    this.path = options.path;
    this.methods = options.methods;
    this.#description = description(options, 'weir-echo', 'Weir echo');
  }

  describe(): ServiceDescription {
    return this.#description;
  }

  handle(): IcapOutcome {
    return UNMODIFIED;
  }
}

export class InfoService implements IcapService {
  readonly path: string;
  readonly methods = ['REQMOD'] as const;
  readonly #description: ServiceDescription;
  readonly #page: (audience: PageAudience) => Page | Promise<Page>;

  constructor(options: SimpleServiceOptions, page: (audience: PageAudience) => Page | Promise<Page>) {
    this.path = options.path;
    this.#description = description(options, 'weir-info', 'Weir status page');
    this.#page = page;
  }

  describe(): ServiceDescription {
    return this.#description;
  }

  handle(transaction: IcapTransaction): IcapOutcome | Promise<IcapOutcome> {
    const page = this.#page(audienceOf(transaction.request?.headers ?? null));
    transaction.body?.release();
    return page instanceof Promise ? page.then(outcomeOf) : outcomeOf(page);
  }
}

function outcomeOf({ status, reason, headers, body }: Page): IcapOutcome {
  const response = { version: '1.1', status, reason, headers };
  return { kind: 'adapted', response, body: Body.of(body), serverMade: true };
}

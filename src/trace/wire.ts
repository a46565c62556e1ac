// The bytes of ICAP exchanges as they were on the wire, for whoever wants to see them: the first so many of
// each direction, copied. Only where somebody asked for copies of transactions.

/** Bytes of one direction. */
export class WireBytes {
  /** All that passed. */
  total = 0;
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #kept = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(bytes: Buffer): void {
    this.total += bytes.length;
    const part = bytes.subarray(0, this.#limit - this.#kept);
    if (part.length === 0) return;
    this.#kept += part.length;
    this.#chunks.push(Buffer.from(part)); // what passes may be overwritten soon
  }

  /** Bytes that were kept. */
  get kept(): number {
    return this.#kept;
  }

  /** They, from the first byte on. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

/** One ICAP request on a connection, and what came back. */
export class WireExchange {
  readonly service: string;
  readonly address: string;
  readonly sent: WireBytes;
  readonly received: WireBytes;

  constructor(service: string, address: string, limit: number) {
    this.service = service;
    this.address = address;
    this.sent = new WireBytes(limit);
    this.received = new WireBytes(limit);
  }
}

const MAX_EXCHANGES = 32;

/** All exchanges of one transaction. */
export class WireNotes {
  readonly exchanges: WireExchange[] = [];
  readonly #limit: number;

  /** @param limit  bytes that are kept of each direction of an exchange */
  constructor(limit: number) {
    this.#limit = limit;
  }

  begin(service: string, address: string): WireExchange {
    const exchange = new WireExchange(service, address, this.#limit);
    if (this.exchanges.length < MAX_EXCHANGES) this.exchanges.push(exchange);
    return exchange;
  }
}

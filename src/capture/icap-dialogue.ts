// Both directions of one ICAP connection, as somebody has overheard them: requests with their answers. Bytes
// come in the order in which they were on the wire. What is broken ends the connection, not the reading.

import type { IcapRequestHead, IcapResponseHead } from '../icap/codec/head.ts';
import type { RequestHead, ResponseHead } from '../icap/codec/http-head.ts';
import { parseRequestHead, parseResponseHead } from '../icap/codec/http-head.ts';
import type { Sections } from '../icap/codec/message-parser.ts';
import { IcapRequestParser, IcapResponseParser } from '../icap/codec/message-parser.ts';

/** A REQMOD or RESPMOD and its final answer. */
export interface OverheardExchange {
  readonly head: IcapRequestHead;
  /** The HTTP request in it; null where the client sent none. */
  readonly request: RequestHead | null;
  /** The HTTP response in it; null for REQMOD. */
  readonly response: ResponseHead | null;
  /** Null where the message has no body. */
  readonly body: { readonly bytes: Buffer; readonly seen: number; readonly complete: boolean } | null;
  readonly answer: {
    readonly head: IcapResponseHead;
    readonly request: RequestHead | null;
    readonly response: ResponseHead | null;
  };
}

interface Asked {
  readonly head: IcapRequestHead;
  readonly sections: Sections;
  readonly chunks: Buffer[];
  kept: number;
  seen: number;
  ended: boolean;
}

interface Answered {
  readonly head: IcapResponseHead;
  readonly sections: Sections;
  ended: boolean;
}

export class IcapDialogue {
  /** Why the rest of the connection was not read; null: nothing was left out. */
  broken: Error | null = null;
  readonly #bodyLimit: number;
  readonly #onExchange: (exchange: OverheardExchange) => void;
  readonly #client: IcapRequestParser;
  readonly #server: IcapResponseParser;
  #waiting: Buffer = Buffer.alloc(0); // of the client, behind a preview or a message
  #asked: Asked | null = null;
  #answered: Answered | null = null;

  /** @param bodyLimit  bytes of each body that are kept */
  constructor(bodyLimit: number, onExchange: (exchange: OverheardExchange) => void) {
    this.#bodyLimit = bodyLimit;
    this.#onExchange = onExchange;
    this.#client = new IcapRequestParser(
      {
        onMessage: (head, sections) => this.#onRequest(head, sections),
        onData: (chunk) => this.#onBody(chunk),
        onEnd: () => (this.#asked!.ended = true),
      },
      false,
    );
    this.#server = new IcapResponseParser(
      {
        onMessage: (head, sections) => (this.#answered = { head, sections, ended: false }),
        onData: () => {},
        onEnd: () => (this.#answered!.ended = true),
      },
      false,
    );
  }

  /** Bytes of the ICAP client. */
  fromClient(bytes: Buffer): void {
    this.#guarded(() => {
      this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
      this.#readClient();
    });
  }

  /** Bytes of the ICAP server. */
  fromServer(bytes: Buffer): void {
    this.#guarded(() => {
      for (let at = 0; at < bytes.length && this.#asked !== null;) {
        at = this.#server.execute(bytes, at);
        if (this.#answered?.ended !== true) continue;
        this.#onAnswer();
      }
    });
  }

  #guarded(read: () => void): void {
    if (this.broken !== null) return;
    try {
      read();
    } catch (error) {
      this.broken = error as Error;
    }
  }

  #readClient(): void {
    for (;;) {
      if (this.#client.state === 'preview-end') return; // the answer says how it goes on
      if (this.#client.state === 'boundary') {
        if (this.#asked !== null) return; // one request at a time, as the answers come
        this.#client.nextMessage();
      }
      if (this.#waiting.length === 0) return;
      const at = this.#client.execute(this.#waiting);
      const stuck = at === 0;
      this.#waiting = this.#waiting.subarray(at);
      if (stuck) return;
    }
  }

  #onRequest(head: IcapRequestHead, sections: Sections): void {
    this.#asked = { head, sections, chunks: [], kept: 0, seen: 0, ended: false };
    this.#server.expect(head.method);
  }

  #onBody(chunk: Buffer): void {
    const asked = this.#asked!;
    asked.seen += chunk.length;
    const part = chunk.subarray(0, this.#bodyLimit - asked.kept);
    asked.kept += part.length;
    if (part.length > 0) asked.chunks.push(Buffer.from(part));
  }

  #onAnswer(): void {
    const { head, sections } = this.#answered!;
    this.#answered = null;
    if (head.status === 100) {
      this.#server.expect(this.#asked!.head.method);
      if (this.#client.state === 'preview-end') this.#client.continueBody(true);
      return this.#readClient();
    }
    const asked = this.#asked!;
    if (this.#client.state === 'preview-end') this.#client.endMessage();
    this.#asked = null;
    if (asked.head.method !== 'OPTIONS') this.#onExchange(exchangeOf(asked, { head, sections, ended: true }));
    this.#readClient();
  }
}

function exchangeOf(asked: Asked, answered: Answered): OverheardExchange {
  const { head, sections, chunks, seen, kept, ended } = asked;
  return {
    head,
    ...headsOf(sections),
    body:
      head.encapsulated.body === null
        ? null
        : { bytes: Buffer.concat(chunks), seen, complete: ended && kept === seen },
    answer: { head: answered.head, ...headsOf(answered.sections) },
  };
}

function headsOf({ requestHeader, responseHeader }: Sections): {
  request: RequestHead | null;
  response: ResponseHead | null;
} {
  return {
    request: requestHeader === null ? null : parseRequestHead(requestHeader),
    response: responseHeader === null ? null : parseResponseHead(responseHeader),
  };
}

// One connection of a check, on top of the probe's wire client: an answer that does not come, or comes
// broken, is a finding and not a failure of the examination, so nothing is thrown once connected.

import { isWeirError, messageOf } from '../../errors.ts';
import type { ProbeOptions, ProbeTarget, Transcript, WireResponse } from '../probe/wire-client.ts';
import { WireClient } from '../probe/wire-client.ts';
import type { Outgoing } from './message.ts';

export type Reply =
  | { readonly kind: 'response'; readonly response: WireResponse }
  /** Nothing, or not all of it, within the time. */
  | { readonly kind: 'silent'; readonly what: string }
  /** Closed or reset before the answer was complete. */
  | { readonly kind: 'closed'; readonly what: string }
  /** Bytes that are no ICAP answer. */
  | { readonly kind: 'broken'; readonly what: string };

const MAX_INTERIM = 3; // 100s that are read before an answer is given up

export class Dialogue {
  readonly #wire: WireClient;
  #interims: WireResponse[] = [];

  private constructor(wire: WireClient) {
    this.#wire = wire;
  }

  /** @throws {IcapError} `ERR_PROBE_CONNECT`, `ERR_PROBE_TIMEOUT`, `ERR_PROBE_TLS` */
  static async open(target: ProbeTarget, options: ProbeOptions): Promise<Dialogue> {
    return new Dialogue(await WireClient.connect(target, options));
  }

  get transcript(): Transcript {
    return this.#wire.transcript;
  }

  get bytesSent(): number {
    return sum(
      this.transcript.entries.filter((entry) => entry.direction === 'sent').map((e) => e.bytes.length),
    );
  }

  /** The server has ended the connection, as far as is known by now. */
  get closedByPeer(): boolean {
    return this.#wire.closedByPeer;
  }

  /** Bytes received that belong to no answer. */
  get unreadBytes(): number {
    return this.#wire.unreadBytes;
  }

  /** Sends as far as the server takes it; that it does not is seen when the answer is read. */
  async send(bytes: Buffer | string): Promise<void> {
    await this.#wire.send(bytes).catch(ignoreLoss);
  }

  /** One byte at a time, `pauseMs` between. */
  async sendBytewise(bytes: Buffer, pauseMs: number): Promise<void> {
    await this.#wire.sendSlowly(bytes, 1, pauseMs).catch(ignoreLoss);
  }

  /** Ends our side; the answer may still come. */
  end(): void {
    this.#wire.end();
  }

  close(): void {
    this.#wire.close();
  }

  /** Reads the next answer, 100 included. */
  async answer({ method, hasPreview }: Pick<Outgoing, 'method' | 'hasPreview'>): Promise<Reply> {
    try {
      const response = await this.#wire.readResponse({ method, preview: hasPreview });
      return { kind: 'response', response };
    } catch (error) {
      if (!isWeirError(error)) throw error;
      const what = messageOf(error);
      if (error.code === 'ERR_PROBE_TIMEOUT') return { kind: 'silent', what };
      return { kind: error.code === 'ERR_PROBE_CLOSED' ? 'closed' : 'broken', what };
    }
  }

  /** Reads up to the final answer; what follows the preview is sent when the server asks for it. */
  async finalAnswer(outgoing: Outgoing): Promise<{ interims: readonly WireResponse[]; final: Reply }> {
    this.#interims = [];
    for (;;) {
      const final = await this.answer(outgoing);
      const continues = final.kind === 'response' && final.response.status === 100;
      if (!continues || this.#interims.length >= MAX_INTERIM) return { interims: this.#interims, final };
      this.#interims.push(final.response);
      if (this.#interims.length === 1 && outgoing.rest !== null) await this.send(outgoing.rest);
    }
  }

  /** True when the server ends the connection within that time; `bytes` are what came before its end. */
  async closesWithin(ms: number): Promise<{ closed: boolean; bytes: number }> {
    try {
      const rest = await this.#wire.readUntilClose(ms);
      return { closed: true, bytes: rest.length };
    } catch (error) {
      ignoreLoss(error);
      return { closed: false, bytes: this.#wire.unreadBytes };
    }
  }
}

function ignoreLoss(error: unknown): void {
  if (!isWeirError(error)) throw error as Error;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

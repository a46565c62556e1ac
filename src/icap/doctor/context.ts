// What a check works with: connections of its own, requests for the service under examination, and what
// earlier checks have found out. Everything it opens is closed, and kept as evidence, when it is over.

import type { ProbeOptions, ProbeTarget, Transcript, WireResponse } from '../probe/wire-client.ts';
import { targetUrl } from '../probe/wire-client.ts';
import { Dialogue, type Reply } from './dialogue.ts';
import type { IcapHeadParts, MessageParts, ModMethod, Outgoing } from './message.ts';
import { icapHead, modRequest, optionsRequest } from './message.ts';

/** What is known about the server before the checks begin. */
export interface Facts {
  /** Answer to a bare OPTIONS request, if it was 200. */
  readonly options: WireResponse | null;
  /** The same with `Allow: 204, 206, trailers` in the request. */
  readonly offered: WireResponse | null;
  readonly methods: readonly ModMethod[];
  /** Method that checks use where either will do. */
  readonly primary: ModMethod;
  /** Bytes; null without the field. */
  readonly preview: number | null;
  readonly allow: readonly string[];
  readonly maxConnections: number | null;
  /** What becomes of a harmless message without preview and without 204 allowed. */
  readonly plain: PlainOutcome;
}

/** `refused` has the reason. */
export type PlainOutcome =
  | { readonly kind: 'same' | 'changed' | 'replaced' | 'unmodified' }
  | { readonly kind: 'refused'; readonly why: string };

/** A whole exchange, as far as it came. */
export interface Exchanged {
  readonly outgoing: Outgoing;
  readonly dialogue: Dialogue;
  /** Answers with status 100. */
  readonly interims: readonly WireResponse[];
  readonly final: Reply;
}

export interface Settings extends ProbeOptions {
  readonly target: ProbeTarget;
  /** Also checks that might bother a server. */
  readonly intrusive: boolean;
  /** Most connections that are open at the same time. */
  readonly maxConcurrency: number;
  /** Field lines for every ICAP header, without CR LF, e.g. `X-Key: 1`. */
  readonly fields: readonly string[];
}

/** Results that several checks look at, with the bytes they came from. */
export type Memory = Map<string, Promise<{ value: unknown; transcripts: readonly Transcript[] }>>;

export class CheckContext {
  readonly settings: Settings;
  readonly facts: Facts;
  readonly #memory: Memory;
  readonly #dialogues: Dialogue[] = [];
  readonly #borrowed: Transcript[] = [];
  #finished = false;

  constructor(settings: Settings, facts: Facts, memory: Memory) {
    this.settings = settings;
    this.facts = facts;
    this.#memory = memory;
  }

  get target(): ProbeTarget {
    return this.settings.target;
  }

  /** Milliseconds to wait for what may never come. */
  get patienceMs(): number {
    return this.settings.readTimeoutMs;
  }

  /** Milliseconds in which a live server would have said something unasked. */
  get momentMs(): number {
    return Math.min(300, this.settings.readTimeoutMs);
  }

  get connections(): number {
    return this.#dialogues.length;
  }

  get bytesSent(): number {
    return this.#dialogues.reduce((total, dialogue) => total + dialogue.bytesSent, 0);
  }

  get transcripts(): readonly Transcript[] {
    return [...this.#borrowed, ...this.#dialogues.map((dialogue) => dialogue.transcript)];
  }

  /** @throws {IcapError} as Dialogue.open */
  async open(): Promise<Dialogue> {
    const dialogue = await Dialogue.open(this.target, this.settings);
    this.#dialogues.push(dialogue);
    if (this.#finished) dialogue.close();
    return dialogue;
  }

  /** URI of the service's server with another path. */
  uri(path: string): string {
    return targetUrl({ ...this.target, path });
  }

  options(parts: IcapHeadParts = {}): Outgoing {
    return optionsRequest(this.target, this.#withFields(parts));
  }

  /** A request of the primary method. */
  message(parts: MessageParts = {}, method: ModMethod = this.facts.primary): Outgoing {
    return modRequest(this.target, method, this.#withFields(parts));
  }

  /** The ICAP header of a request as text, blank line included. */
  head(parts: IcapHeadParts): string {
    return `${icapHead(this.target, this.#withFields(parts))}\r\n`;
  }

  #withFields<T extends IcapHeadParts>(parts: T): T {
    return { ...parts, fields: [...this.settings.fields, ...(parts.fields ?? [])] };
  }

  /** Sends a request and reads up to its final answer, on a new connection unless one is given. */
  async exchange(outgoing: Outgoing, on?: Dialogue): Promise<Exchanged> {
    const dialogue = on ?? (await this.open());
    await dialogue.send(outgoing.bytes);
    return { outgoing, dialogue, ...(await dialogue.finalAnswer(outgoing)) };
  }

  /** Sends bytes on a new connection and reads one answer, as to an OPTIONS request. */
  async raw(bytes: Buffer | string): Promise<Reply> {
    const dialogue = await this.open();
    await dialogue.send(bytes);
    return dialogue.answer({ method: 'OPTIONS', hasPreview: false });
  }

  /** Computes a result once for all checks that need it; its bytes become evidence of each. */
  async once<T>(key: string, make: (context: CheckContext) => Promise<T>): Promise<T> {
    let entry = this.#memory.get(key);
    if (entry === undefined) {
      const own = this.#dialogues.length;
      entry = make(this).then((value) => ({
        value,
        transcripts: this.#dialogues.slice(own).map((dialogue) => dialogue.transcript),
      }));
      this.#memory.set(key, entry);
      entry.catch(() => this.#memory.delete(key)); // asked again by whoever needs it next
      return (await entry).value as T;
    }
    const { value, transcripts } = await entry;
    this.#borrowed.push(...transcripts);
    return value as T;
  }

  /** OPTIONS without further fields, asked once. */
  bareOptions(): Promise<Exchanged> {
    return this.once('options', (it) => it.exchange(it.options()));
  }

  /** OPTIONS that offers all that we understand, asked once. */
  offeringOptions(): Promise<Exchanged> {
    const fields = ['Allow: 204, 206, trailers', 'Encapsulated: null-body=0'];
    return this.once('offers', (it) => it.exchange(it.options({ fields })));
  }

  /** OPTIONS for a path that names no service, asked once. */
  unknownPath(): Promise<Exchanged> {
    return this.once('unknown-path', (it) =>
      it.exchange(it.options({ uri: it.uri('/doctor-no-such-service') })),
    );
  }

  /** A harmless message without preview and without leave for 204, sent once. */
  plainMessage(method: ModMethod = this.facts.primary): Promise<Exchanged> {
    return this.once(`plain-${method}`, (it) => it.exchange(it.message({}, method)));
  }

  /** A message with `Allow: 204` and no preview, sent once. */
  allowedMessage(): Promise<Exchanged> {
    return this.once('allowed-204', (it) => it.exchange(it.message({ allow: '204' })));
  }

  /** A message behind `Preview: 0` without leave for 204, sent once. */
  zeroPreview(): Promise<Exchanged> {
    return this.once('zero-preview', (it) => it.exchange(it.message({ preview: 0 })));
  }

  finish(): void {
    this.#finished = true;
    for (const dialogue of this.#dialogues) dialogue.close();
  }
}

// What the gateway tells of messages that it stopped, or should have stopped: a block, and a verdict that a
// background blade reached after the message had passed. Who hears of them (syslog, webhooks, the dashboard)
// attaches a sink; a sink does no work of its own accord in the call, it takes note and returns.

import type { Severity } from '../plugin/api.ts';

/** Somebody whom a message reached. */
export interface Recipient {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Address of the user's machine, as far as it is known; not to be relied on beyond that. */
  readonly client: string | null;
  readonly user: string | null;
  readonly url: string;
}

/** One block verdict, or one alert about content that has passed already. */
export interface Incident {
  /**
   * `block`: the message was stopped. `background`: the verdict came after the message had passed;
   * `recipients` have it. `continued`: the user has gone on past the block that is called by the same id.
   */
  readonly kind: 'block' | 'background' | 'continued';
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The incident id on the block page and in the log. */
  readonly id: string;
  /** Path of the gateway's service, e.g. `/sandblast`. */
  readonly service: string;
  readonly profile: string;
  readonly direction: 'request' | 'response';
  readonly url: string;
  readonly client: string | null;
  readonly user: string | null;
  /** Name of what was found. */
  readonly threat: string;
  readonly severity: Severity;
  /** One sentence for people. */
  readonly reason: string;
  readonly blade: string;
  /** Of the body as it was transferred, hexadecimal; null where it has none or none was computed. */
  readonly sha256: string | null;
  /** Bytes of the body. */
  readonly bytes: number;
  /** The verdict was known from before and no blade was asked. */
  readonly cached: boolean;
  /** Id of the report that the blade keeps of it; absent: it keeps none. */
  readonly report?: string;
  /** Whether a copy is in the quarantine, under `id`. */
  readonly quarantined: boolean;
  /** Of a `background` incident: everybody who got the content, the first 100; empty for a block. */
  readonly recipients: readonly Recipient[];
  /** Those beyond the first 100. */
  readonly moreRecipients: number;
  /** Of a `continued` incident: what the profile let the user do, and the reason that the user gave. */
  readonly action?: 'ask' | 'inform';
  readonly justification?: string | null;
}

/** Hears of incidents. It must return at once, and what it throws is ignored. */
export interface IncidentSink {
  incident(incident: Incident): void;
}

const KEPT_INCIDENTS = 200;

/** Passes incidents on to whoever has attached, and keeps the last ones for who comes later. */
export class IncidentHub implements IncidentSink {
  readonly #sinks = new Set<IncidentSink>();
  readonly #recent: Incident[] = [];

  /** The last incidents, the oldest first; at most 200. */
  get recent(): readonly Incident[] {
    return this.#recent;
  }

  /** @returns detaches it again */
  attach(sink: IncidentSink): () => void {
    this.#sinks.add(sink);
    return () => void this.#sinks.delete(sink);
  }

  incident(incident: Incident): void {
    this.#recent.push(incident);
    if (this.#recent.length > KEPT_INCIDENTS) this.#recent.shift();
    for (const sink of this.#sinks) {
      try {
        sink.incident(incident);
      } catch {
        // The message was judged already: a sink that fails must not change that.
      }
    }
  }
}

// What the bench and its load process say to each other over the IPC channel.
import type { Shape } from '../works.ts';

export interface Job {
  readonly shape: Shape;
  readonly connections: number;
  readonly proxyPort: number;
  /** PEM file with the proxy's CA; not read for `plain`. */
  readonly ca: string;
  /** The origin's host name, except for `new-name`. */
  readonly host: string;
  readonly originPort: number;
  readonly path: string;
  readonly bodyBytes: number;
}

/** When a phase stops beginning exchanges: whichever comes first. */
export interface PhaseLimit {
  readonly milliseconds: number;
  /** Host names for `new-name`, one exchange each. */
  readonly names?: readonly string[];
}

export interface PhaseResult {
  readonly exchanges: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Kept-alive connections that the proxy closed between exchanges, and that were opened anew. */
  readonly reopened: number;
}

/** A phase ends when all that was begun in it has ended, so the caller may read CPU times around it. */
export type LoadRequest =
  | { readonly type: 'open'; readonly job: Job }
  | { readonly type: 'phase'; readonly limit: PhaseLimit }
  | { readonly type: 'hold'; readonly tunnels: number }
  | { readonly type: 'close' };

// What one request is to be, drawn at random, and the URL that tells the origin the same. Routes are hosts:
// each has its own chain of ICAP services (setting.ts).

import type { Random } from './random.ts';

const KiB = 1024;

export const INFECTIONS = ['eicar', 'eicar.zip', 'eicar.gz'] as const;
export type Infection = (typeof INFECTIONS)[number];
export type Framing = 'length' | 'chunked';

export interface Plan {
  readonly number: number;
  readonly route: string;
  readonly secure: boolean;
  /** Bytes of the response's body. */
  readonly down: number;
  /** Bytes of the request's body; null: GET. */
  readonly up: number | null;
  /** What the body that goes up, or else the one that comes down, is instead; null: nothing bad. */
  readonly infection: Infection | null;
  readonly upFraming: Framing;
  readonly downFraming: Framing;
  readonly expectContinue: boolean;
  /** The client rests between pieces that it reads and writes. */
  readonly slow: boolean;
  /** Milliseconds after which the client goes away; null: it stays. */
  readonly abortAfterMs: number | null;
  /** The client opens a new connection for it. */
  readonly fresh: boolean;
}

function sizeOf(random: Random): number {
  const kind = random.next();
  if (kind < 0.05) return 0;
  if (kind < 0.5) return random.int(1, KiB);
  if (kind < 0.86) return random.int(KiB, 64 * KiB);
  if (kind < 0.98) return random.int(64 * KiB, 1024 * KiB);
  return random.int(1024 * KiB, 5 * 1024 * KiB);
}

export function planOf(random: Random, number: number, routes: readonly string[]): Plan {
  const upload = random.chance(0.35);
  return {
    number,
    route: random.pick(routes),
    secure: random.chance(0.6),
    down: upload ? random.int(0, 2 * KiB) : sizeOf(random),
    up: upload ? sizeOf(random) : null,
    infection: random.chance(0.06) ? random.pick(INFECTIONS) : null,
    upFraming: random.chance(0.5) ? 'length' : 'chunked',
    downFraming: random.chance(0.6) ? 'length' : 'chunked',
    expectContinue: random.chance(0.1),
    slow: random.chance(0.05),
    abortAfterMs: random.chance(0.06) ? random.int(0, 300) : null,
    fresh: random.chance(0.15),
  };
}

/** Path and query, which hold all that the origin has to know. */
export function targetOf({ number, down, up, infection, downFraming }: Plan): string {
  const words = { n: number, down, up: up ?? '', bad: infection ?? '', framing: downFraming };
  return `/soak?${new URLSearchParams(Object.entries(words).map(([key, value]): [string, string] => [key, String(value)])).toString()}`;
}

/** The same, read back from any form of the request target; null for other URLs. */
export function numberIn(url: string): number | null {
  const found = /[?&]n=(\d+)(?:&|$)/.exec(url);
  return found === null ? null : Number(found[1]);
}

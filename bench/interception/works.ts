// What interception costs beside scanning: HTTP/2 of clients, tunnels that are passed through, and a crowd of
// idle ones. Each row compares two sides that take turns within one run.
import type { Shape, Work } from '../works.ts';

const KIB = 1024;
const STREAMS = 32;

export const CROWD_ACTIVE = 200;
export const CROWD_IDLE = 2000;
export const CROWD_LIMIT = 2;

/** How a side of a comparison is started. */
export type SideId = 'weir-inspecting' | 'weir-splice' | 'squid-splice';
export const SIDE_IDS: readonly SideId[] = ['weir-inspecting', 'weir-splice', 'squid-splice'];

/** One measurement of a row. */
export interface Variant {
  readonly title: string;
  readonly side: SideId;
  readonly work: Work;
  /** Tunnels that are held open, and idle, meanwhile. */
  readonly held?: number;
}

export interface Comparison {
  readonly id: string;
  readonly title: string;
  /** What the ratio is taken against, and what is held against it. */
  readonly variants: readonly [Variant, Variant];
  /** `cpu`: CPU time per exchange of the first by that of the second; `p99`: likewise, of the second by the first. */
  readonly figure: 'cpu' | 'p99';
  /** Least ratio for `cpu`, greatest for `p99`. */
  readonly target: number;
}

function work(id: string, shape: Shape, bodyBytes: number, connections: number): Work {
  return { id, title: id, shape, bodyBytes, connections, seconds: 3, warmUpSeconds: 1, targets: {} };
}

const inspecting = { side: 'weir-inspecting' } as const;
const large = work('splice', 'tunnel', 100 * KIB * KIB, 2);
const small = work('splice-1k', 'tunnel', KIB, STREAMS);
const active = work('crowd', 'tunnel', KIB, CROWD_ACTIVE);

export const COMPARISONS: readonly Comparison[] = [
  {
    id: 'http2',
    title: `1 KiB, ${STREAMS} at once, scanned: HTTP/2 streams of one connection against HTTP/1.1 connections`,
    variants: [
      { ...inspecting, title: 'HTTP/1.1', work: work('http1', 'tunnel', KIB, STREAMS) },
      { ...inspecting, title: 'HTTP/2', work: work('http2', 'streams', KIB, STREAMS) },
    ],
    figure: 'cpu',
    target: 1,
  },
  {
    id: 'splice',
    title: '100 MiB through a tunnel that is passed on, 2 at once',
    variants: [
      { title: 'Squid', side: 'squid-splice', work: large },
      { title: 'Weir', side: 'weir-splice', work: large },
    ],
    figure: 'cpu',
    target: 1,
  },
  {
    id: 'splice-1k',
    title: `1 KiB through tunnels that are passed on, ${STREAMS} kept alive`,
    variants: [
      { title: 'Squid', side: 'squid-splice', work: small },
      { title: 'Weir', side: 'weir-splice', work: small },
    ],
    figure: 'cpu',
    target: 1,
  },
  {
    id: 'crowd',
    title: `1 KiB in ${CROWD_ACTIVE} intercepted tunnels, scanned: alone, and beside ${CROWD_IDLE} idle ones`,
    variants: [
      { ...inspecting, title: 'alone', work: active },
      { ...inspecting, title: 'beside idle ones', work: active, held: CROWD_IDLE },
    ],
    figure: 'p99',
    target: CROWD_LIMIT,
  },
];

// The works of the comparison: what one exchange is, how many run at once, for how long, and what ratio
// against Squid + c-icap is wanted. How an exchange is driven is load/; who is compared is peers/.

const KIB = 1024;
const MIB = 1024 * KIB;

/** The host that every work asks for, except those of never-seen names. */
export const ORIGIN_HOST = 'www.bench.test';

export type PeerId = 'squid' | 'weir-icap' | 'weir-inprocess' | 'squid-early' | 'weir-alone';
export const PEER_IDS: readonly PeerId[] = [
  'squid',
  'weir-icap',
  'weir-inprocess',
  'squid-early',
  'weir-alone',
];
/** Peers that stand beside the comparison: their figures explain others. */
export const CONTEXT_PEERS: readonly PeerId[] = ['squid-early', 'weir-alone'];
export const PEER_TITLES: Readonly<Record<PeerId, string>> = {
  squid: 'Squid + c-icap',
  'weir-icap': 'Weir + c-icap',
  'weir-inprocess': 'Weir in-process',
  'squid-early': 'Squid + c-icap, bumping without a look',
  'weir-alone': 'Weir, no adaptation',
};

/**
 * - `tunnel`: CONNECT and TLS handshake once a connection, then exchanges one after another in it;
 * - `new-tunnel`: CONNECT and full TLS handshake for each exchange, always the same host;
 * - `new-name`: likewise, each with a host name that the proxy has never seen;
 * - `streams`: likewise once, then as many streams at once of one HTTP/2 connection;
 * - `plain`: absolute-form requests over a kept-alive connection, no TLS on either leg.
 */
export type Shape = 'tunnel' | 'new-tunnel' | 'new-name' | 'streams' | 'plain';

export interface Work {
  readonly id: string;
  readonly title: string;
  readonly shape: Shape;
  readonly bodyBytes: number;
  readonly connections: number;
  /** Measured time; exchanges begun within it are finished and counted. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Never-seen names are bounded by number, since each is good for one exchange. */
  readonly names?: { readonly warmUp: number; readonly measured: number };
  /** Least ratio of CPU per exchange against Squid + c-icap. */
  readonly targets: Partial<Record<PeerId, number>>;
}

const kept = { shape: 'tunnel', seconds: 3, warmUpSeconds: 1 } as const;

export const WORKS: readonly Work[] = [
  {
    ...kept,
    id: '1k',
    title: '1 KiB, 32 connections kept alive',
    bodyBytes: KIB,
    connections: 32,
    targets: { 'weir-icap': 1.3, 'weir-inprocess': 2 },
  },
  {
    ...kept,
    id: '1k-one',
    title: '1 KiB, 1 connection kept alive',
    bodyBytes: KIB,
    connections: 1,
    targets: {},
  },
  {
    ...kept,
    id: '64k',
    title: '64 KiB, 32 kept alive',
    bodyBytes: 64 * KIB,
    connections: 32,
    targets: { 'weir-icap': 2 },
  },
  { ...kept, id: '1m', title: '1 MiB, 16 kept alive', bodyBytes: MIB, connections: 16, targets: {} },
  {
    ...kept,
    id: '100m',
    title: '100 MiB, 2 at once',
    bodyBytes: 100 * MIB,
    connections: 2,
    seconds: 4,
    targets: { 'weir-icap': 2 },
  },
  {
    id: 'tunnels',
    title: 'a new tunnel and TLS handshake each, same host',
    shape: 'new-tunnel',
    bodyBytes: KIB,
    connections: 8,
    seconds: 3,
    warmUpSeconds: 1,
    targets: { 'weir-icap': 3 },
  },
  {
    id: 'names',
    title: 'a new tunnel and a never-seen host name each',
    shape: 'new-name',
    bodyBytes: KIB,
    connections: 8,
    seconds: 10,
    warmUpSeconds: 5,
    names: { warmUp: 150, measured: 600 },
    targets: { 'weir-icap': 3 },
  },
  {
    id: 'plain',
    title: 'plain HTTP 1 KiB, 32 kept alive',
    shape: 'plain',
    bodyBytes: KIB,
    connections: 32,
    seconds: 3,
    warmUpSeconds: 1,
    targets: {},
  },
];

/** Whether a work says anything of a peer: how Squid bumps matters only while a tunnel begins. */
export function concerns(workId: string, peer: PeerId): boolean {
  return peer !== 'squid-early' || workId === 'tunnels' || workId === 'names';
}

/** Not an exchange: resident memory of tunnels that are held open after one 1 KiB exchange each. */
export const IDLE_ID = 'idle';
export const IDLE_TUNNELS = 500;
export const IDLE_TARGET_BYTES = 100_000;

/** Path of the origin's file of a given size. */
export const originPath = (bodyBytes: number): string => `/${bodyBytes}.bin`;

export const BODY_SIZES: readonly number[] = [...new Set(WORKS.map((work) => work.bodyBytes))];

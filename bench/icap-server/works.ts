// The works of the ICAP server suite: what one exchange is, and what ratio against c-icap is wanted. Which
// servers are compared is peers.ts.
import type { IcapMethod } from '../../src/icap/codec/encapsulated.ts';

const KIB = 1024;

export const CONNECTIONS = 16;
export const SECONDS = 3;
export const WARM_UP_SECONDS = 1;

export type ServerId = 'weir' | 'c-icap';
export const SERVER_IDS: readonly ServerId[] = ['weir', 'c-icap'];
export const SERVER_TITLES: Readonly<Record<ServerId, string>> = { weir: 'Weir', 'c-icap': 'c-icap' };

/** `echo` modifies nothing; `whole` is a service of Weir that asks for every body and lets it pass. */
export type ServicePath = 'echo' | 'whole';

export interface ServerWork {
  /** Persistent connections with one exchange each; default CONNECTIONS. */
  readonly connections?: number;
  readonly id: string;
  readonly title: string;
  readonly method: IcapMethod;
  /** Null: no body. */
  readonly bodyBytes: number | null;
  readonly preview: number | null;
  readonly allow204: boolean;
  /** Of Weir; c-icap is always asked for `echo`. */
  readonly service: ServicePath;
  /** Least ratio of CPU per exchange against c-icap, and the one that is hoped for. */
  readonly target: number;
  readonly wanted: number;
}

const respmod = { method: 'RESPMOD', preview: null, service: 'echo', target: 1.5, wanted: 2 } as const;
const small = {
  bodyBytes: null,
  preview: null,
  allow204: true,
  service: 'echo',
  target: 0.8,
  wanted: 1,
} as const;

export const SERVER_WORKS: readonly ServerWork[] = [
  { ...small, id: 'options', title: 'OPTIONS', method: 'OPTIONS' },
  { ...small, id: 'reqmod', title: 'REQMOD GET, 204 allowed', method: 'REQMOD' },
  {
    ...respmod,
    ...{ id: '1k-preview', title: 'RESPMOD 1,000 B, all of it in the preview' },
    ...{ bodyBytes: 1000, preview: 1024, allow204: true, target: 1, wanted: 1.2 },
  },
  {
    ...respmod,
    ...{ id: '64k-preview', title: 'RESPMOD 64 KiB, preview 1024, 204 allowed' },
    ...{ bodyBytes: 64 * KIB, preview: 1024, allow204: true },
  },
  {
    ...respmod,
    ...{ id: '64k-continue', title: 'RESPMOD 64 KiB, preview 1024, 100 Continue always, then 204' },
    ...{ bodyBytes: 64 * KIB, preview: 1024, allow204: true, service: 'whole', target: 1, wanted: 1.5 },
  },
  {
    ...respmod,
    ...{ id: '64k-204', title: 'RESPMOD 64 KiB, no preview, 204 allowed' },
    ...{ bodyBytes: 64 * KIB, allow204: true },
  },
  {
    ...respmod,
    ...{ id: '64k-200', title: 'RESPMOD 64 KiB, 204 not allowed: the body comes back' },
    ...{ bodyBytes: 64 * KIB, allow204: false },
  },
  {
    ...respmod,
    ...{ id: '1m-204', title: 'RESPMOD 1 MiB, no preview, 204 allowed' },
    ...{ bodyBytes: KIB * KIB, allow204: true },
  },
  {
    ...respmod,
    ...{ id: '1m-200', title: 'RESPMOD 1 MiB, 204 not allowed: the body comes back' },
    ...{ bodyBytes: KIB * KIB, allow204: false },
  },
];

/** Not an exchange of its own: two worker processes on two cores against one on one. */
export const SCALING_ID = 'workers';
/** Works that the workers are measured with: one of small messages, one of bodies. */
export const SCALING_WORKS: readonly string[] = ['reqmod', '64k-200'];
export const SCALING_TARGET = 1.7;

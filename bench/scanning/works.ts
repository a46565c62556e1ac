// The works of the scanning suite: which body is sent to which service, and by how many connections. What
// figure is made of which works, and what it should be, is summary.ts.

export const SECONDS = 3;
export const WARM_UP_SECONDS = 1.5;
/** Signatures that both engines look for, beside the few of their own. */
export const SIGNATURES = 2000;

/** clamd remembers clean files by itself; it does so here in `c-icap-cached` only. */
export type ScanServerId = 'weir' | 'c-icap' | 'c-icap-cached';
export const SCAN_SERVER_IDS: readonly ScanServerId[] = ['weir', 'c-icap', 'c-icap-cached'];

/**
 * Services of Weir. `scan` has each body scanned by the embedded engine, `cached` likewise unless it is known,
 * `echo` does not look at it. c-icap is always asked for its scan.
 */
export type ScanPath = 'scan' | 'cached' | 'echo';

/** Bodies by name, see bodies.ts. */
export type BodyName = 'text-1k' | 'text-64k' | 'text-1m' | 'gzip-1m';

export interface ScanWork {
  readonly id: string;
  readonly body: BodyName;
  readonly service: ScanPath;
  readonly connections: number;
  /** Bytes; null: the whole body is sent unasked, so that `echo` takes it too. */
  readonly preview: number | null;
  readonly servers: readonly ScanServerId[];
}

const BOTH: readonly ScanServerId[] = ['weir', 'c-icap'];
const WEIR: readonly ScanServerId[] = ['weir'];
const many = { connections: 8, preview: 1024 } as const;
const alone = { connections: 1, preview: 1024 } as const;
const whole = { connections: 8, preview: null } as const;

export const SCAN_WORKS: readonly ScanWork[] = [
  { id: '1m-text', body: 'text-1m', service: 'scan', servers: BOTH, ...many },
  { id: '1m-gzip', body: 'gzip-1m', service: 'scan', servers: BOTH, ...many },
  { id: '1m-known', body: 'text-1m', service: 'cached', servers: ['weir', 'c-icap-cached'], ...many },
  { id: '1k-text', body: 'text-1k', service: 'scan', servers: BOTH, ...alone },
  { id: '1k-echo', body: 'text-1k', service: 'echo', servers: WEIR, ...alone },
  { id: '1k-cached', body: 'text-1k', service: 'cached', servers: WEIR, ...whole },
  { id: '1k-passed', body: 'text-1k', service: 'echo', servers: WEIR, ...whole },
  { id: '64k-cached', body: 'text-64k', service: 'cached', servers: WEIR, ...whole },
  { id: '64k-passed', body: 'text-64k', service: 'echo', servers: WEIR, ...whole },
];

/** Not a work of its own: `echo` while archives are scanned. */
export const ARCHIVES_ID = 'archives';
export const ARCHIVES = 8;
export const ARCHIVE_BYTES = 50 * 2 ** 20;
/** Connections that ask for `echo` meanwhile, and with what. */
export const ECHO_CONNECTIONS = 4;

export const SCAN_WORK_IDS: readonly string[] = [...SCAN_WORKS.map(({ id }) => id), ARCHIVES_ID];

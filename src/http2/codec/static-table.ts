// The fields that HPACK knows beforehand. RFC 7541 appendix A.

const TABLE: readonly (readonly [name: string, ...values: string[]])[] = [
  [':authority', ''],
  [':method', 'GET', 'POST'],
  [':path', '/', '/index.html'],
  [':scheme', 'http', 'https'],
  [':status', '200', '204', '206', '304', '400', '404', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control ' +
    'content-disposition content-encoding content-language content-length content-location content-range ' +
    'content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range ' +
    'if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range ' +
    'referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary ' +
    'via www-authenticate'
  )
    .split(' ')
    .map((name) => [name, ''] as const),
];

const ENTRIES = TABLE.flatMap(([name, ...values]) => values.map((value) => ({ name, value })));

/** Entries; indexes of HPACK begin at 1. */
export const STATIC_ENTRIES = ENTRIES.length;
/** Name of each index; index 0 is none. */
export const STATIC_NAMES: readonly string[] = ['', ...ENTRIES.map(({ name }) => name)];
/** Value of each index. */
export const STATIC_VALUES: readonly string[] = ['', ...ENTRIES.map(({ value }) => value)];

/** Lowest index of each name. */
export const STATIC_INDEX_OF_NAME: ReadonlyMap<string, number> = new Map(
  ENTRIES.map(({ name }, at) => [name, at + 1] as const).reverse(),
);

/** Index of `:status` with these values; others are sent as a literal. */
export const STATIC_INDEX_OF_STATUS: ReadonlyMap<number, number> = new Map(
  ENTRIES.flatMap(({ name, value }, at) => (name === ':status' ? [[Number(value), at + 1] as const] : [])),
);

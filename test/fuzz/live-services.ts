// What the services of the fuzzed server do: everything that a service may, and may get wrong. Which of them
// is behind a path is shifted from case to case.

import { IcapError } from '../../src/errors.ts';
import { Body } from '../../src/http/body.ts';
import type { Adapted, IcapOutcome, IcapTransaction } from '../../src/icap/service.ts';
import { type Handler, type ServiceScript, UNMODIFIED } from '../icap/server/lab.ts';

const PAGE = Buffer.from('<html>no</html>');

const blockPage = (): Adapted => ({
  kind: 'adapted',
  response: { version: '1.1', status: 403, reason: 'Forbidden', headers: ['Content-Length', '15'] },
  body: Body.of(PAGE),
  serverMade: true,
  headers: ['X-Infection-Found', 'Type=0; Resolution=2; Threat=Fuzz;'],
});

/** The message with one more field and that body; a page where there is no head of the right kind. */
function adapted({ method, request, response }: IcapTransaction, body: Body | null): Adapted {
  const head = method === 'REQMOD' ? request : response;
  if (head === null) {
    body?.cancel();
    return blockPage();
  }
  const headers = [...head.headers, 'X-Fuzz', 'seen'];
  const changed =
    method === 'REQMOD' ? { request: { ...request!, headers } } : { response: { ...response!, headers } };
  return { kind: 'adapted', ...changed, body, serverMade: false };
}

const HANDLERS: readonly Handler[] = [
  () => UNMODIFIED,
  async function holds({ body }) {
    const content = await body?.hold();
    if ((content?.size ?? 0) % 2 === 0) return UNMODIFIED;
    body!.release();
    return blockPage();
  },
  async function rewrites(transaction) {
    await transaction.body?.hold();
    return adapted(transaction, transaction.body?.restream() ?? null);
  },
  function streams(transaction) {
    return adapted(transaction, transaction.body?.restream() ?? null);
  },
  function keepsAPart(transaction) {
    return { ...adapted(transaction, Body.of(Buffer.from('in front '))), keepOriginalFrom: 3 };
  },
  async function keepsAll(transaction) {
    await transaction.body?.hold();
    return { ...adapted(transaction, null), keepOriginalFrom: 0 };
  },
  () => blockPage(),
  async function answersLate() {
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    return UNMODIFIED;
  },
  function endsWithTrailer(transaction) {
    const fields = (): string[] => ['X-Response-Info', 'done', 'X-Not-Announced', 'x'];
    const trailer = { names: ['X-Response-Info'], fields };
    return { ...adapted(transaction, transaction.body?.restream() ?? null), trailer };
  },
  function throwsAnything() {
    throw new TypeError('not a Weir error');
  },
  async function fails({ body }) {
    await body?.hold();
    throw new IcapError('ERR_SCAN_TIMEOUT', 'as a blade would');
  },
  function answersBrokenly(transaction) {
    const body = new Body();
    body.push(Buffer.from('a part'));
    setImmediate(() => body.fail(new IcapError('ERR_SPOOL', 'the disk is full')));
    return adapted(transaction, body);
  },
];

/** Counts what the handlers are doing. */
export interface Running {
  started: number;
  finished: number;
  /** Added to the place of a path to choose its handler. */
  shift: number;
}

const PATHS = ['/echo', '/sandblast', '/url', '/stamp', '/av', '/st', '/'];

/** The paths that the vectors use; each does another thing in each case. */
export function fuzzedServices(running: Running): Record<string, ServiceScript> {
  const handle = async (place: number, transaction: IcapTransaction): Promise<IcapOutcome> => {
    running.started++;
    try {
      return await HANDLERS[(place + running.shift) % HANDLERS.length]!(transaction);
    } finally {
      running.finished++;
    }
  };
  const services: Record<string, ServiceScript> = {};
  for (const [place, path] of PATHS.entries()) {
    services[path] = {
      methods: path === '/st' ? ['RESPMOD'] : ['REQMOD', 'RESPMOD'],
      description: { partialContent: true, trailers: true, maxConnections: path === '/st' ? 1 : null },
      ...(path === '/av' ? { requires: { REQMOD: 'req-hdr', RESPMOD: 'res-hdr' } } : {}),
      handle: (transaction) => handle(place, transaction),
    };
  }
  return services;
}

export const HANDLER_COUNT = HANDLERS.length;
/** Number of the handler that puts something in front of a part of the original. */
export const KEEPS_A_PART = HANDLERS.findIndex(({ name }) => name === 'keepsAPart');

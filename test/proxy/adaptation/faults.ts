// What an ICAP server can do wrong with a message, as a table: the script that does it, and the error that
// it comes to. The tests run every row at both points, with bodies of several sizes and under each policy
// (faults.test.ts, faults-large.test.ts); docs/faults.md is written from it (test/docs/faults-page.ts).

import { patternAt } from '../../streams/pattern.ts';
import type { IcapPeer, PeerRequest } from '../../support/icap-peer.ts';
import type { ErrorCode } from '../../../src/errors.ts';

const KiB = 1024;
/** Longest silence that the client of a faulty server puts up with where the fault is silence. */
export const SILENCE_MS = 250;
const DRIPS = 8;
const STEP = 256 * KiB; // bytes of an answer that are written at a time

type Method = PeerRequest['method'];
/** @param size  bytes of the body that the message has */
type Script = (peer: IcapPeer, request: PeerRequest, size: number) => Promise<void> | void;

export interface Fault {
  /** What the server does, as the end of a sentence that begins with "a server that". */
  readonly does: string;
  readonly script: Script;
  /** What the message comes to where the server is the only one and errors block; null: it is delivered. */
  readonly code: ErrorCode | null;
  /** The same for a message without a body, where that differs. */
  readonly bodiless?: ErrorCode;
  /** Noticed by its silence alone: the test waits for SILENCE_MS. */
  readonly silent?: boolean;
  /** Comes when a part of an answer's body is out: one that is not held is cut by it. */
  readonly inAnswer?: boolean;
  /** Stands for those where the size may matter: run with 50 MiB in every test run. */
  readonly late?: boolean;
}

const HTTP_HEAD = {
  REQMOD: 'POST http://origin.test/page HTTP/1.1\r\nHost: origin.test\r\nX-Adapted: yes\r\n\r\n',
  RESPMOD: 'HTTP/1.1 200 OK\r\nX-Adapted: yes\r\n\r\n',
  OPTIONS: '',
};
const LAST = '0\r\n\r\n';

/** Start of an answer with a body, for either method. */
export function answerStart(method: Method, status = '200 OK', offset = HTTP_HEAD[method].length): string {
  const kind = method === 'REQMOD' ? 'req' : 'res';
  return `ICAP/1.0 ${status}\r\nISTag: "t1"\r\nEncapsulated: ${kind}-hdr=0, ${kind}-body=${offset}\r\n\r\n${HTTP_HEAD[method]}`;
}

/** An ICAP answer without anything in it. */
export const bare = (status: string, ...fields: string[]): string =>
  `ICAP/1.0 ${['', ...fields, 'Encapsulated: null-body=0'].join('\r\n').replace(/^/, status)}\r\n\r\n`;

/** Asks for the rest where there is one, as a server does that wants to see all. */
export async function readAll(
  peer: IcapPeer,
  request: PeerRequest,
  onData: (piece: Buffer) => void = () => {},
): Promise<void> {
  if (request.preview !== null) onData(request.preview);
  if (request.waits) peer.send('ICAP/1.0 100 Continue\r\n\r\n');
  if (request.more) await peer.rest(onData);
}

/** Writes bytes `from` to `to` of the pattern in chunks, as fast as the client takes them. */
export async function sendPatternChunks(peer: IcapPeer, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += STEP) {
    const part = patternAt(at, Math.min(STEP, to - at));
    await peer.sendAll(`${part.length.toString(16)}\r\n`, part, '\r\n');
  }
}

const forever = (): Promise<void> => new Promise(() => {});

/** Reads the message, begins an answer, sends half of the body back (at least 1 KiB), and then … */
function halfway(then: (peer: IcapPeer, sent: number) => Promise<void> | void): Script {
  return async (peer, request, size) => {
    await readAll(peer, request);
    peer.send(answerStart(request.method));
    const half = Math.max(KiB, Math.floor(size / 2));
    await sendPatternChunks(peer, 0, half);
    await then(peer, half);
  };
}

/** Reads the message and then … */
function afterAll(then: Script): Script {
  return async (peer, request, size) => {
    await readAll(peer, request);
    await then(peer, request, size);
  };
}

export const FAULTS: readonly Fault[] = [
  {
    does: 'closes before it answers',
    script: (peer) => void peer.socket.end(),
    code: 'ERR_ADAPT_UNAVAILABLE',
  },
  {
    does: 'resets before it answers',
    script: (peer) => void peer.socket.resetAndDestroy(),
    code: 'ERR_ADAPT_UNAVAILABLE',
  },
  { does: 'says nothing', script: forever, code: 'ERR_ADAPT_TIMEOUT', silent: true },
  {
    does: 'says nothing after it read all',
    script: afterAll(forever),
    code: 'ERR_ADAPT_TIMEOUT',
    ...{ silent: true, late: true },
  },
  {
    does: 'closes after it read all',
    script: afterAll((peer) => void peer.socket.end()),
    code: 'ERR_ADAPT_UNAVAILABLE',
  },
  {
    does: 'resets while it is being sent the body',
    script: async (peer, { waits, more }, size) => {
      if (waits) peer.send('ICAP/1.0 100 Continue\r\n\r\n');
      let read = 0;
      if (more) {
        await peer.rest((piece) => {
          read += piece.length;
          if (read > size / 2) peer.socket.resetAndDestroy();
        });
      }
      peer.socket.resetAndDestroy();
    },
    code: 'ERR_ADAPT_UNAVAILABLE',
    late: true,
  },
  {
    does: 'stops reading the body',
    script: async (peer, { waits, more }) => {
      if (waits) peer.send('ICAP/1.0 100 Continue\r\n\r\n');
      if (more) await peer.anything();
      return forever();
    },
    code: 'ERR_ADAPT_TIMEOUT',
    ...{ silent: true, late: true },
  },
  {
    does: 'answers something that is not ICAP',
    script: (peer) => peer.send('HTTP/1.1 200 OK\r\n\r\n'),
    code: 'ERR_ADAPT_PROTOCOL',
  },
  {
    does: 'answers with binary rubbish',
    script: (peer) => peer.send(patternAt(0, 4096)),
    code: 'ERR_ADAPT_PROTOCOL',
  },
  {
    does: 'closes inside the ICAP header',
    script: (peer) => {
      peer.send('ICAP/1.0 200 OK\r\nISTag: "t');
      peer.socket.end();
    },
    code: 'ERR_ADAPT_UNAVAILABLE',
  },
  {
    does: 'closes inside the HTTP header',
    script: afterAll((peer, { method }) => {
      peer.send(answerStart(method).slice(0, -20));
      peer.socket.end();
    }),
    code: 'ERR_ADAPT_UNAVAILABLE',
  },
  {
    does: 'closes in the middle of a chunk',
    script: halfway((peer, sent) => {
      peer.send('10000\r\n', patternAt(sent, 40));
      peer.socket.end();
    }),
    code: 'ERR_ADAPT_UNAVAILABLE',
    inAnswer: true,
  },
  {
    does: 'resets in the middle of its body',
    script: halfway(
      (peer) =>
        new Promise((resolve) => {
          peer.socket.write('10000\r\n', () => {
            peer.socket.resetAndDestroy();
            resolve();
          });
        }),
    ),
    code: 'ERR_ADAPT_UNAVAILABLE',
    ...{ late: true, inAnswer: true },
  },
  {
    does: 'stalls in the middle of its body',
    script: halfway(forever),
    code: 'ERR_ADAPT_TIMEOUT',
    ...{ silent: true, late: true, inAnswer: true },
  },
  {
    // All that a body keeps in memory is then queued, and nothing more comes that could start a clock anew.
    does: 'stalls before its last chunk',
    script: async (peer, request, size) => {
      await readAll(peer, request);
      peer.send(answerStart(request.method));
      await sendPatternChunks(peer, 0, size);
      return forever();
    },
    code: 'ERR_ADAPT_TIMEOUT',
    silent: true,
  },
  {
    does: 'breaks its chunks',
    script: halfway((peer, sent) => peer.send('5\r\n', patternAt(sent, 5), `XX5\r\nworld\r\n${LAST}`)),
    code: 'ERR_ADAPT_PROTOCOL',
    ...{ late: true, inAnswer: true },
  },
  {
    does: 'closes without its last chunk',
    script: halfway((peer) => void peer.socket.end()),
    code: 'ERR_ADAPT_UNAVAILABLE',
    inAnswer: true,
  },
  {
    does: 'names an offset inside its HTTP header (refused with `strict`)',
    script: async (peer, request, size) => {
      await readAll(peer, request);
      peer.send(answerStart(request.method, '200 OK', 20));
      await sendPatternChunks(peer, 0, size);
      peer.send(LAST);
    },
    code: null,
  },
  {
    does: 'closes in the middle of a 206',
    script: afterAll((peer, { method }) => {
      peer.send(`${answerStart(method, '206 Partial')}5\r\nhello\r\n`);
      peer.socket.end();
    }),
    code: 'ERR_ADAPT_UNAVAILABLE',
    bodiless: 'ERR_ADAPT_PROTOCOL', // there is nothing that a part of could go on
  },
  {
    does: 'points behind the end of the original in a 206',
    script: afterAll((peer, { method }) => {
      peer.send(`${answerStart(method, '206 Partial')}5\r\nhello\r\n`);
      peer.send('0; use-original-body=99999999\r\n\r\n');
    }),
    code: 'ERR_ADAPT_PROTOCOL',
  },
  {
    does: 'sends a body of another length than its Content-Length',
    script: afterAll((peer, { method }) => {
      const head = HTTP_HEAD[method].replace('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\n');
      const start = answerStart(method, '200 OK', head.length).replace(HTTP_HEAD[method], head);
      peer.send(`${start}5\r\nhello\r\n${LAST}`);
    }),
    code: 'ERR_ADAPT_PROTOCOL',
  },
  {
    does: 'sends a 206 of another length than its Content-Length',
    script: afterAll((peer, { method }) => {
      const head = HTTP_HEAD[method].replace('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\n');
      const start = answerStart(method, '206 Partial', head.length).replace(HTTP_HEAD[method], head);
      peer.send(`${start}5\r\nhello\r\n0; use-original-body=0\r\n\r\n`);
    }),
    code: 'ERR_ADAPT_PROTOCOL',
  },
  { does: 'answers 500', script: (peer) => peer.send(bare('500 Server Error')), code: 'ERR_ADAPT_STATUS' },
  {
    does: 'is overloaded',
    script: (peer) => peer.send(bare('503 Overloaded', 'Connection: close')),
    code: 'ERR_ADAPT_STATUS',
  },
  {
    does: 'answers a status of its own',
    script: (peer) => peer.send('ICAP/1.0 539 No licence\r\n\r\n'),
    code: 'ERR_ADAPT_STATUS',
  },
  {
    does: 'answers without any header',
    script: (peer) => peer.send(`ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n${LAST}`),
    code: 'ERR_ADAPT_PROTOCOL',
  },
  {
    does: 'drips its answer, and never falls silent',
    script: async (peer, request, size) => {
      await readAll(peer, request);
      peer.send(answerStart(request.method));
      for (let drip = 0; drip < DRIPS; drip++) {
        const [from, to] = [drip, drip + 1].map((part) => Math.floor((size * part) / DRIPS));
        await sendPatternChunks(peer, from!, to!);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      peer.send(LAST);
    },
    code: null,
    late: true,
  },
  {
    does: 'has a new ISTag in every answer',
    script: async (peer, request, size) => {
      await readAll(peer, request);
      peer.send(answerStart(request.method).replace('"t1"', `"${Math.random()}"`));
      await sendPatternChunks(peer, 0, size);
      peer.send(LAST);
    },
    code: null,
  },
  {
    does: 'sends a second answer behind its own',
    script: async (peer, request, size) => {
      await readAll(peer, request);
      peer.send(answerStart(request.method));
      await sendPatternChunks(peer, 0, size);
      peer.send(`${LAST}${answerStart(request.method)}5\r\nstray\r\n${LAST}`);
    },
    code: null,
  },
];

// An ICAP server that is sound in about half of its answers and does something wrong in the others: the faults
// of the table that the tests run one by one (test/proxy/adaptation/faults.ts), and some that begin an answer
// with the right content and break off. It never changes a message, so that what arrives can be checked.

import { answerStart, bare, FAULTS, readAll } from '../proxy/adaptation/faults.ts';
import {
  type IcapPeer,
  pause,
  type PeerRequest,
  type PeerServer,
  startPeerServer,
} from '../support/icap-peer.ts';
import type { Random } from './random.ts';

const LAST = '0\r\n\r\n';
const PIECE = 32 * 1024; // bytes of a chunk
const LONGEST_DRIP_MS = 60;
const LONGEST_DRIPPING_MS = 2000; // a whole answer

export interface FaultServer extends PeerServer {
  /** True: every answer is sound from now on. */
  honest: boolean;
  /** Faults so far, by name. */
  readonly faults: ReadonlyMap<string, number>;
}

type Script = (peer: IcapPeer, request: PeerRequest, random: Random) => Promise<void> | void;

const allows = ({ head }: PeerRequest, status: string): boolean =>
  new RegExp(`^Allow:.*\\b${status}\\b`, 'im').test(head);

async function bodyOf(peer: IcapPeer, request: PeerRequest): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await readAll(peer, request, (piece) => pieces.push(piece));
  return Buffer.concat(pieces);
}

/** Head of an answer that holds the same message; chunks follow where it has a body. */
function sameHead(request: PeerRequest, status: string): Buffer {
  const kind = request.method === 'REQMOD' ? 'req' : 'res';
  const section = request.sections.at(-1)!;
  const body = request.hasBody ? `${kind}-body` : 'null-body';
  const head = `ICAP/1.0 ${status}\r\nISTag: "t${request.head.length % 7}"\r\nEncapsulated: ${kind}-hdr=0, ${body}=${section.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), section]);
}

async function sendChunks(peer: IcapPeer, body: Buffer, restMs = 0): Promise<void> {
  for (let at = 0; at < body.length; at += PIECE) {
    const piece = body.subarray(at, at + PIECE);
    await peer.sendAll(`${piece.length.toString(16)}\r\n`, piece, '\r\n');
    if (restMs > 0) await pause(Math.min(restMs, (LONGEST_DRIPPING_MS * PIECE) / body.length));
  }
}

const NO_CONTENT = bare('204 No Content');

/** The same message back, whole. */
const sameBack =
  (restMs: (random: Random) => number): Script =>
  async (peer, request, random) => {
    const body = await bodyOf(peer, request);
    peer.send(sameHead(request, '200 OK'));
    await sendChunks(peer, body, restMs(random));
    if (request.hasBody) peer.send(LAST);
  };

const unmodified: Script = async (peer, request, random) => {
  if (request.waits && random.chance(0.5)) return peer.send(NO_CONTENT); // the preview was enough
  if (!allows(request, '204')) return sameBack(() => 0)(peer, request, random);
  await bodyOf(peer, request);
  peer.send(NO_CONTENT);
};

const originalBack: Script = async (peer, request, random) => {
  if (!request.waits || !allows(request, '206')) return unmodified(peer, request, random);
  peer.send(sameHead(request, '206 Partial Content'), '0; use-original-body=0\r\n\r\n');
};

/** Two answers in one write: the second must not meet the next message. */
const strayAnswer: Script = async (peer, request, random) => {
  if (!allows(request, '204')) return sameBack(() => 0)(peer, request, random);
  await bodyOf(peer, request);
  peer.send(`${NO_CONTENT}${answerStart(request.method)}5\r\nstray\r\n${LAST}`);
};

const closesAfterwards: Script = async (peer, request, random) => {
  await sameBack(() => 0)(peer, request, random);
  peer.socket.end();
};

const SOUND: readonly Script[] = [
  unmodified,
  unmodified,
  sameBack(() => 0),
  sameBack((random) => (random.chance(0.2) ? random.int(1, 5) : 0)),
  originalBack,
];

/** Begins the answer with the right content, then … */
const breaksOff =
  (then: (peer: IcapPeer) => Promise<void> | void): Script =>
  async (peer, request, random) => {
    const body = await bodyOf(peer, request);
    if (!request.hasBody) {
      peer.socket.destroy();
      return;
    }
    peer.send(sameHead(request, '200 OK'));
    await sendChunks(peer, body.subarray(0, random.int(0, body.length)));
    await then(peer);
  };

const WRONG: readonly (readonly [name: string, script: Script])[] = [
  ...FAULTS.filter(({ code, inAnswer }) => code !== null && inAnswer !== true).map(
    ({ does, script }) => [does, (peer: IcapPeer, request: PeerRequest) => script(peer, request, 0)] as const,
  ),
  ['closes within its answer', breaksOff((peer) => void peer.socket.end())],
  ['resets within its answer', breaksOff((peer) => void peer.socket.resetAndDestroy())],
  ['stalls within its answer', breaksOff(() => new Promise(() => {}))],
  ['breaks its chunks', breaksOff((peer) => peer.send(`XX\r\n${LAST}`))],
  ['sends a second answer behind its own', strayAnswer],
  ['closes a connection that it promised to keep', closesAfterwards],
  ['drips', sameBack((random) => random.int(1, LONGEST_DRIP_MS))],
];

/** Starts it; `onFault` is told what it does to the request of that head. */
export async function startFaultServer(
  random: Random,
  onFault: (name: string, request: PeerRequest) => void,
): Promise<FaultServer> {
  const faults = new Map<string, number>();
  const note = (name: string): void => void faults.set(name, (faults.get(name) ?? 0) + 1);
  let storm = 0;
  const script = (peer: IcapPeer, request: PeerRequest): Promise<void> | void => {
    if (server.honest || random.chance(0.5)) return random.pick(SOUND)(peer, request, random);
    const [name, wrong] = random.pick(WRONG);
    note(name);
    onFault(name, request);
    return wrong(peer, request, random);
  };
  const peers = await startPeerServer(script, {
    istag: () => (server.honest ? 't0' : `storm${storm++}`),
    onConnection: (socket) => {
      if (server.honest || !random.chance(0.05)) return;
      note('drops a new connection');
      socket.resetAndDestroy();
    },
  });
  const server: FaultServer = Object.assign(peers, { honest: true, faults });
  return server;
}

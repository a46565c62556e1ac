// The origin, over http and https: answers with the content that the URL asks for, and holds every upload
// that arrives complete against what the client was to send. What it finds wrong is reported at once.

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { eicar, eicarGzip, eicarZip } from '../support/eicar.ts';
import { testCa } from '../support/testCa.ts';
import { ContentCheck, contentPieces } from './content.ts';
import type { Infection } from './plan.ts';

export const INFECTED: Readonly<Record<Infection, Buffer>> = {
  eicar: eicar(),
  'eicar.zip': eicarZip(),
  'eicar.gz': eicarGzip(),
};

/** What a connection ends with when Weir gives up a request of which a part is out. */
const BROKEN_OFF = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE']);
const REMEMBERED = 5000; // requests
/**
 * In the story of a request that node's own https server could not go on with (`HPE_PAUSED`): under load it
 * pauses its parser and then gives it more of the same body. Weir can only say that the origin has closed.
 */
export const NODE_GAVE_UP = 'node gave the connection up';

export interface SoakOrigin extends AsyncDisposable {
  readonly port: number;
  readonly securePort: number;
  /** What became of a recent request, with moments: here, and what others have noted. */
  story(number: number): readonly string[];
  note(number: number, what: string): void;
  /** Closes every connection that clients keep for reuse. */
  dropConnections(): void;
}

/** @param onProblem  called with the number of a request that should not have come as it did */
export async function startSoakOrigin(
  names: readonly string[],
  onProblem: (number: number | null, problem: string) => void,
): Promise<SoakOrigin> {
  const stories = new Map<number, string[]>();
  const note: Note = (number, what) => {
    let story = stories.get(number);
    if (story === undefined) {
      stories.set(number, (story = []));
      if (stories.size > REMEMBERED) stories.delete(stories.keys().next().value!);
    }
    story.push(`${new Date().toISOString()} ${what}`);
  };
  const current = new WeakMap<Socket, number>();
  const handle: http.RequestListener = (request, response) => {
    current.set(request.socket, serve(request, response, onProblem, note));
  };
  const { key, cert } = await (await testCa()).issue(names);
  const plain = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, handle);
  const secure = https.createServer({ key, cert, keepAliveTimeout: 0, requestTimeout: 0 }, handle);
  const sockets = new Set<Socket>();
  for (const [server, event] of [
    [plain, 'connection'],
    [secure, 'secureConnection'],
  ] as const) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const number = current.get(socket as Socket);
      if (error.code === 'HPE_PAUSED' && number !== undefined) note(number, NODE_GAVE_UP);
      else if (!BROKEN_OFF.has(error.code ?? ''))
        onProblem(number ?? null, `the origin could not read what came: ${error.code} ${error.message}`);
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  secure.on('tlsClientError', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET') onProblem(null, `TLS with the origin failed: ${error.message}`);
  });
  const portOf = (server: http.Server): number => (server.address() as AddressInfo).port;
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: portOf(plain),
    securePort: portOf(secure),
    note,
    story: (number) => stories.get(number) ?? [],
    dropConnections,
    async [Symbol.asyncDispose]() {
      const closed = [plain, secure].map((server) => new Promise((resolve) => server.close(resolve)));
      dropConnections();
      await Promise.all(closed);
    },
  };
}

type Note = (number: number, what: string) => void;

/** @returns the request's number */
function serve(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  onProblem: (number: number | null, problem: string) => void,
  note: Note,
): number {
  const words = new URL(request.url!, 'http://origin').searchParams;
  const number = Number(words.get('n'));
  const up = words.get('up')!;
  const bad = words.get('bad') as Infection | '';
  const check = new ContentCheck(number, 'up');
  note(number, `the origin has its head, on port ${request.socket.remotePort}`);
  request.once('close', () =>
    note(number, `its body ended, ${check.bytes} bytes, complete: ${request.complete}`),
  );
  response.once('close', () => note(number, `the answer ended, complete: ${response.writableFinished}`));
  request.on('data', (chunk: Buffer) => check.take(chunk));
  request.on('error', () => {}); // the client went away, or Weir cut the message
  response.on('error', () => {});
  request.on('end', () => {
    if (!request.complete) return;
    if (up !== '' && bad !== '') return onProblem(number, `the origin got an upload of ${bad}`);
    if (check.bytes !== Number(up))
      return onProblem(number, `the origin got ${check.bytes} of ${Number(up)} bytes as a complete upload`);
    if (check.differsAt !== null)
      return onProblem(number, `the upload that the origin got differs from byte ${check.differsAt} on`);
    void answer(response, {
      number,
      infection: up === '' && bad !== '' ? bad : null,
      size: Number(words.get('down')),
      chunked: words.get('framing') === 'chunked',
    });
  });
  return number;
}

async function answer(
  response: http.ServerResponse,
  wanted: { number: number; infection: Infection | null; size: number; chunked: boolean },
): Promise<void> {
  const { number, infection, size, chunked } = wanted;
  const pieces = infection === null ? contentPieces(number, 'down', size) : [INFECTED[infection]];
  const length = infection === null ? size : INFECTED[infection].length;
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    ...(chunked ? {} : { 'content-length': length }),
  });
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (response.write(piece)) continue;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }
  response.end();
}

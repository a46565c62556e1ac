// An ICAP server that does exactly what a test tells it to: it answers OPTIONS by itself, and hands every
// other connection's bytes to the script. It decodes nothing, so nothing of ours can hide in it.

import net, { type AddressInfo, type Socket } from 'node:net';

export interface IcapDialogue {
  readonly socket: Socket;
  /** All bytes of the exchange so far. */
  received(): string;
  /** Resolves once `text` has arrived. */
  until(text: string): Promise<void>;
  /** Moment at which the connection was closed or reset, on the clock of `performance.now()`. */
  readonly closedAt: Promise<number>;
}

export interface ScriptedIcap extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** The next REQMOD or RESPMOD that comes. */
  next(): Promise<IcapDialogue>;
}

const PREVIEW = 1024; // bytes that it asks for

/** Starts it; `script` runs for every REQMOD and RESPMOD once its ICAP head is there. */
export async function scriptedIcap(
  script: (dialogue: IcapDialogue) => void = () => {},
): Promise<ScriptedIcap> {
  const sockets = new Set<Socket>();
  const unclaimed: IcapDialogue[] = [];
  const waiting: ((dialogue: IcapDialogue) => void)[] = [];
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    serve(socket, (dialogue) => {
      const claim = waiting.shift();
      if (claim === undefined) unclaimed.push(dialogue);
      else claim(dialogue);
      script(dialogue);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `icap://127.0.0.1:${port}/scripted`,
    next: () =>
      new Promise((resolve) => {
        const dialogue = unclaimed.shift();
        if (dialogue === undefined) waiting.push(resolve);
        else resolve(dialogue);
      }),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function serve(socket: Socket, onExchange: (dialogue: IcapDialogue) => void): void {
  let text = '';
  let begun = false;
  const watchers = new Set<() => void>();
  const closedAt = new Promise<number>((resolve) => {
    socket.once('close', () => resolve(performance.now()));
  });
  const dialogue: IcapDialogue = {
    socket,
    closedAt,
    received: () => text,
    until: (wanted) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!text.includes(wanted)) return;
          watchers.delete(check);
          resolve();
        };
        watchers.add(check);
        check();
      }),
  };
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    if (text.startsWith('OPTIONS') && text.includes('\r\n\r\n')) {
      text = '';
      socket.write(
        `ICAP/1.0 200 OK\r\nMethods: REQMOD, RESPMOD\r\nISTag: "scripted"\r\nAllow: 204\r\nPreview: ${PREVIEW}\r\n` +
          'Transfer-Preview: *\r\nOptions-TTL: 3600\r\nEncapsulated: null-body=0\r\n\r\n',
      );
    } else if (!begun && text.includes('\r\n\r\n')) {
      begun = true;
      onExchange(dialogue);
    }
    for (const watcher of [...watchers]) watcher();
  });
}

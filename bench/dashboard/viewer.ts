// Somebody who looks at the Live feed: a process of its own on the load's core, which reads and parses every
// message as a browser does, and counts. RFC 6455.
import { once } from 'node:events';
import { WebSocket } from 'ws';

import { LOAD_CORE } from '../host/child.ts';
import { serveHelper, startHelper } from '../host/helper.ts';

/** As the feed takes it; empty: all transactions. */
export type Filter = Readonly<Record<string, string>>;

export type ViewerRequest =
  | { readonly type: 'watch'; readonly port: number; readonly token: string; readonly filter: Filter }
  | { readonly type: 'leave' };

/** What came since the viewer began to watch. */
export interface Seen {
  readonly messages: number;
  /** Rows that were sent. */
  readonly rows: number;
  /** Transactions that the feed has counted, rows or not. */
  readonly total: number;
}

export interface ViewerProcess {
  watch(port: number, token: string, filter?: Filter): Promise<void>;
  leave(): Promise<Seen>;
  stop(): Promise<void>;
}

export function startViewer(): ViewerProcess {
  const { ask, stop } = startHelper<ViewerRequest, Seen>(new URL(import.meta.url), LOAD_CORE);
  return {
    watch: async (port, token, filter = {}) => void (await ask({ type: 'watch', port, token, filter })),
    leave: async () => (await ask({ type: 'leave' }))!,
    stop,
  };
}

let socket: WebSocket | null = null;
let seen = { messages: 0, rows: 0, total: 0 };

function hear(text: string): void {
  const message = JSON.parse(text) as { type: string; items?: readonly unknown[]; total?: number };
  seen.messages++;
  if (message.type !== 'transactions') return;
  seen.rows += message.items?.length ?? 0;
  seen.total += message.total ?? 0;
}

async function obey(request: ViewerRequest): Promise<Seen | undefined> {
  if (request.type === 'leave') {
    socket?.terminate();
    socket = null;
    return seen;
  }
  seen = { messages: 0, rows: 0, total: 0 };
  const headers = { Authorization: `Bearer ${request.token}` };
  socket = new WebSocket(`ws://127.0.0.1:${request.port}/api/live`, { headers });
  socket.on('message', (data) => hear(String(data)));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe', filter: request.filter }));
  return undefined;
}

if (process.send !== undefined) serveHelper(obey);

// An ICAP server with scripted services on a port of its own, and clients that know when the server has
// read what they sent: that makes the cut between two segments a fact instead of a hope.

import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { WeirError } from '../../../src/errors.ts';
import type { IcapServerOptions } from '../../../src/icap/server/server.ts';
import { IcapServer } from '../../../src/icap/server/server.ts';
import type {
  IcapOutcome,
  IcapReport,
  IcapService,
  IcapTransaction,
  ModMethod,
  ServiceDescription,
} from '../../../src/icap/service.ts';
import type { RawClient } from '../../support/rawClient.ts';
import { rawClient } from '../../support/rawClient.ts';
import type { Answer } from '../../support/vectors.ts';
import { decodeAnswer } from '../../support/vectors.ts';

const WAIT_MS = 10_000;

export type Handler = (transaction: IcapTransaction) => IcapOutcome | Promise<IcapOutcome>;

export interface ServiceScript {
  readonly methods: readonly ModMethod[];
  readonly description?: Partial<ServiceDescription>;
  readonly requires?: NonNullable<IcapService['requires']>;
  readonly handle?: Handler;
}

export interface Lab extends AsyncDisposable {
  readonly server: IcapServer;
  readonly port: number;
  readonly reports: IcapReport[];
  readonly refused: WeirError[];
  connect(): Promise<LabClient>;
}

export interface LabClient extends AsyncDisposable {
  readonly raw: RawClient;
  /** Sends one segment; resolves when the server has read it (or has closed). */
  deliver(bytes: Buffer | string): Promise<void>;
  /** Takes the next complete answer off what was received. */
  answer(): Promise<Answer>;
  /** Resolves when the server has ended the connection; the bytes behind the answers taken so far. */
  closed(): Promise<Buffer>;
}

export const UNMODIFIED: IcapOutcome = { kind: 'unmodified' };

export interface LabOptions extends Omit<IcapServerOptions, 'services' | 'onRefused'> {
  readonly istag?: string;
}

/** Starts a server on a free port of the loopback address; `services` by path. */
export async function startLab(
  services: Record<string, ServiceScript>,
  options: LabOptions = {},
): Promise<Lab> {
  const made = new Map<string, IcapService>();
  for (const [path, script] of Object.entries(services)) made.set(path, service(path, script));
  const reports: IcapReport[] = [];
  const refused: WeirError[] = [];
  const server = new IcapServer({
    ...options,
    services: {
      istag: options.istag ?? 'SRV-1',
      find: (path) => made.get(path),
      report: (report) => void reports.push(report),
    },
    onRefused: (_peer, error) => void refused.push(error),
  });
  const { port } = await server.listen(0, '127.0.0.1');
  const clients = clientsOf(port);
  return {
    server,
    port,
    reports,
    refused,
    connect: () => clients.connect(),
    async [Symbol.asyncDispose]() {
      clients[Symbol.dispose]();
      await server.close(0);
    },
  };
}

export interface LabClients extends Disposable {
  connect(): Promise<LabClient>;
}

/** Clients of an ICAP server in this process that listens on `port` of the loopback address. */
export function clientsOf(port: number): LabClients {
  const sockets = new Map<number, Socket>();
  const onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort === port) sockets.set(socket.remotePort!, socket);
  };
  diagnostics.subscribe('net.server.socket', onSocket);
  return {
    connect: () => connect(port, sockets),
    [Symbol.dispose]: () => diagnostics.unsubscribe('net.server.socket', onSocket),
  };
}

function service(path: string, script: ServiceScript): IcapService {
  const description: ServiceDescription = {
    istag: 'G1',
    preview: 1024,
    optionsTtlSeconds: 3600,
    maxConnections: null,
    ...script.description,
  };
  return {
    path,
    methods: script.methods,
    ...(script.requires === undefined ? {} : { requires: script.requires }),
    describe: () => description,
    handle: (transaction) => (script.handle ?? (() => UNMODIFIED))(transaction),
  };
}

async function connect(port: number, sockets: Map<number, Socket>): Promise<LabClient> {
  const raw = await rawClient(port);
  raw.socket.setNoDelay(true);
  await turnsUntil(() => sockets.has(raw.socket.localPort!), 'the server to accept');
  const peer = sockets.get(raw.socket.localPort!)!;
  sockets.delete(raw.socket.localPort!);
  let sent = 0;
  let taken = 0; // bytes of answers that were handed out
  return {
    raw,
    async deliver(bytes) {
      sent += bytes.length;
      raw.send(bytes);
      await turnsUntil(() => peer.bytesRead >= sent || peer.destroyed, 'the server to read');
    },
    async answer() {
      let found: ReturnType<typeof decodeAnswer> = null;
      await raw.until((received) => (found = decodeAnswer(received.subarray(taken))) !== null);
      taken += found!.length;
      return found!.answer;
    },
    closed: async () => (await raw.closed()).subarray(taken),
    [Symbol.asyncDispose]: () => raw[Symbol.asyncDispose](),
  };
}

/** Lets the event loop turn until the condition holds. */
export async function turnsUntil(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${WAIT_MS} ms for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

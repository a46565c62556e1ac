// A sound ICAP server behind a relay that breaks one rule: so a check can be seen to fail for its own
// reason and no other. The relay sees requests and answers as they come in from the socket, which on
// the loopback interface is as they were written.

import { createServer, connect, type Socket } from 'node:net';
import { selectChecks } from '../../../src/icap/doctor/catalogue.ts';
import { examine, type ExamineOptions } from '../../../src/icap/doctor/examine.ts';
import { eicar } from '../../../src/icap/doctor/samples.ts';
import type { DoctorReport } from '../../../src/icap/doctor/types.ts';
import { parseIcapUrl } from '../../../src/icap/probe/wire-client.ts';
import { Body } from '../../../src/http/body.ts';
import type { Adapted } from '../../../src/icap/service.ts';
import { startLab, UNMODIFIED, type ServiceScript } from '../server/lab.ts';

/** What the relay does with a request: answers in the server's place, says nothing, or hangs up. */
export type Reaction = { readonly answer: string; readonly close?: boolean } | 'ignore' | 'close';

export interface Fault {
  /** Latin-1 text that came from the client; `turn` counts from 1 on each connection. Undefined: pass on. */
  readonly onRequest?: (text: string, turn: number) => Reaction | undefined;
  /** What the server sent, to be passed on changed; null hangs up. */
  readonly onAnswer?: (text: string) => string | null;
  /** Hang up once an answer that matches was passed on. */
  readonly closeAfter?: RegExp;
  /** Sent before any request. */
  readonly greeting?: string;
  /** Hang up as soon as the client ends its side. */
  readonly needsBothSides?: true;
}

const PAGE = Buffer.from('<p>blocked</p>');

const BLOCK: Adapted = {
  kind: 'adapted',
  response: {
    version: '1.1',
    status: 403,
    reason: 'Forbidden',
    headers: [
      'Content-Type',
      'text/html',
      'Cache-Control',
      'no-store',
      'Content-Length',
      String(PAGE.length),
    ],
  },
  body: null,
  serverMade: true,
  headers: ['X-Infection-Found', 'Type=0; Resolution=2; Threat=EICAR;'],
};

/** Looks at the whole body, lets everything pass but plain EICAR. */
export const SCANNER: ServiceScript = {
  methods: ['REQMOD', 'RESPMOD'],
  description: { preview: 1024, optionsTtlSeconds: 60, maxConnections: 100 },
  async handle(transaction) {
    const content = await transaction.body?.hold();
    if (content?.memory?.includes(eicar()) === true) return { ...BLOCK, body: Body.of(PAGE) };
    return UNMODIFIED;
  },
};

/** Runs the checks of these ids against the sound server with one fault. */
export async function examineFaulty(
  fault: Fault,
  only: readonly string[],
  options: Partial<ExamineOptions> = {},
): Promise<DoctorReport> {
  await using lab = await startLab({ '/scan': SCANNER }, { via: 'ICAP/1.0 lab' });
  const sockets = new Set<Socket>();
  const relay = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = connect({ port: lab.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    pass(client, server, fault);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const { port } = relay.address() as { port: number };
  try {
    return await examine(examination(port, '/scan', only, options));
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => relay.close(resolve));
  }
}

/** Options for an examination on the loopback interface. */
export function examination(
  port: number,
  path: string,
  only: readonly string[],
  options: Partial<ExamineOptions> = {},
): ExamineOptions {
  return {
    target: parseIcapUrl(`icap://127.0.0.1:${port}${path}`),
    connectTimeoutMs: 5000,
    readTimeoutMs: 5000,
    maxBytes: 1024 * 1024,
    intrusive: false,
    maxConcurrency: 64,
    fields: [],
    pauseMs: 0,
    checks: selectChecks(only),
    ...options,
  };
}

function pass(client: Socket, server: Socket, fault: Fault): void {
  const { onRequest, onAnswer, closeAfter, greeting, needsBothSides } = fault;
  let turn = 0;
  if (greeting !== undefined) client.write(greeting);
  client.on('data', (chunk: Buffer) => {
    turn++;
    const reaction = onRequest?.(chunk.toString('latin1'), turn);
    if (reaction === undefined) return void server.write(chunk);
    if (reaction === 'close') return void client.destroy();
    if (reaction === 'ignore') return;
    client.write(reaction.answer, 'latin1');
    if (reaction.close === true) client.end();
  });
  server.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1');
    const changed = onAnswer === undefined ? text : onAnswer(text);
    if (changed === null) return void client.destroy();
    client.write(changed, 'latin1');
    if (closeAfter?.test(text) === true) client.end();
  });
  client.on('end', () => (needsBothSides === true ? client.destroy() : server.end()));
  server.on('end', () => client.end());
  client.on('close', () => server.destroy());
  server.on('close', () => client.destroy());
}

// Checks of the connection itself: reaching the port, TLS, who speaks first, how it ends, slow senders.

import { connect } from 'node:tls';
import { isIP } from 'node:net';
import type { Check, Finding } from '../types.ts';
import { announcesClose, accepted, problemOf, right, skip, statusOf, told, wrong } from '../judge.ts';
import type { CheckContext } from '../context.ts';

const BYTE_PAUSE_MS = 1;
const DAY_MS = 24 * 60 * 60 * 1000;

export const connectionChecks: readonly Check[] = [
  {
    id: 'connection.accepts',
    group: 'connection',
    level: 'must',
    needs: 'nothing',
    title: 'accepts a connection',
    clause: 'RFC 3507 §4.1, §4.2',
    sends: 'Nothing: connects, with TLS for icaps.',
    means: 'No client can reach the service: check host, port, firewall, and icap:// against icaps://.',
    async run(context) {
      await context.open(); // a failure is told by the examination
      return right('connected');
    },
  },
  {
    id: 'connection.tls',
    group: 'connection',
    level: 'should',
    needs: 'nothing',
    title: 'has a TLS version and a certificate that clients accept (icaps)',
    clause: 'RFC 3507 §7.2; RFC 8446',
    sends: 'A TLS handshake; looks at the version, the name, and how long the certificate is valid.',
    means: 'Clients that verify certificates refuse the connection, or will when the certificate expires.',
    run: examineTls,
  },
  {
    id: 'connection.silent-first',
    group: 'connection',
    level: 'should',
    needs: 'nothing',
    title: 'says nothing before a request has come',
    clause: 'RFC 3507 §4.1',
    sends: 'Nothing; listens for 0.3 s.',
    means: 'A client takes what is said unasked for the answer to its next request.',
    async run(context) {
      const dialogue = await context.open();
      const { closed, bytes } = await dialogue.closesWithin(context.momentMs);
      if (bytes > 0) return wrong(`${bytes} bytes came unasked`);
      return closed ? wrong('the server closed the connection before any request') : right('silence');
    },
  },
  {
    id: 'connection.close-honoured',
    group: 'connection',
    level: 'should',
    needs: 'options',
    title: 'closes after the answer when the request says "Connection: close"',
    clause: 'RFC 3507 §4.1; RFC 2616 §14.10',
    sends: 'OPTIONS with `Connection: close`; waits for the end of the connection.',
    means: 'Connections that clients have done with stay open and use up the limit of the server.',
    async run(context) {
      const { dialogue, final } = await closeRequest(context);
      if (final.kind !== 'response') return wrong(final.what);
      const { closed } = await dialogue.closesWithin(context.patienceMs);
      return closed
        ? right(`${told(final)}, then closed`)
        : wrong(`${told(final)}, but the connection stays open`);
    },
  },
  {
    id: 'connection.close-announced',
    group: 'connection',
    level: 'must',
    needs: 'options',
    title: 'says "Connection: close" when it is going to close',
    clause: 'RFC 3507 §6.2 (1004)',
    sends: 'OPTIONS with `Connection: close`; reads whether the answer says it too.',
    means: 'Clients may send their next request into a connection that is closing: expect rare retries.',
    async run(context) {
      const { dialogue, final } = await closeRequest(context);
      if (final.kind !== 'response') return wrong(final.what);
      if (announcesClose(final)) return right(`${told(final)} with "Connection: close"`);
      const { closed } = await dialogue.closesWithin(context.patienceMs);
      if (!closed) return skip('the connection is not closed');
      return wrong(`${told(final)} without "Connection: close", then closed`);
    },
  },
  {
    id: 'connection.half-close',
    group: 'connection',
    level: 'should',
    needs: 'options',
    title: 'answers a client that has ended its side of the connection',
    clause: 'RFC 9293 §3.6',
    sends: 'OPTIONS, then the end of our side (FIN); waits for the answer.',
    means: 'Simple clients that send, close their side and read get nothing.',
    async run(context) {
      const outgoing = context.options();
      const dialogue = await context.open();
      await dialogue.send(outgoing.bytes);
      dialogue.end();
      const reply = await dialogue.answer(outgoing);
      return statusOf(reply) === 200 ? right(told(reply)) : wrong(told(reply));
    },
  },
  {
    id: 'connection.byte-by-byte',
    group: 'connection',
    level: 'must',
    needs: 'message',
    title: 'reads a request that arrives one byte at a time',
    clause: 'RFC 3507 §4.3; TCP is a stream',
    sends: 'A message of about 600 bytes, each byte in a packet of its own.',
    means: 'Requests over slow or lossy networks fail at random.',
    async run(context) {
      const outgoing = context.message({ body: Buffer.from('slow\n') });
      const dialogue = await context.open();
      await dialogue.sendBytewise(outgoing.bytes, BYTE_PAUSE_MS);
      return accepted({ outgoing, dialogue, ...(await dialogue.finalAnswer(outgoing)) });
    },
  },
  {
    id: 'connection.pause-before-body',
    group: 'connection',
    level: 'must',
    needs: 'message',
    title: 'waits for a body that comes later than its headers',
    clause: 'RFC 3507 §4.4; erratum 6',
    sends: 'A message whose body follows its headers after 0.3 s.',
    means: 'Messages from slow origins are refused or let through unscanned.',
    async run(context) {
      const outgoing = context.message();
      const dialogue = await context.open();
      const head = outgoing.bytes.indexOf('\r\n\r\n', outgoing.bytes.indexOf('HTTP/1.1')) + 4;
      await dialogue.send(outgoing.bytes.subarray(0, head));
      await new Promise((resolve) => setTimeout(resolve, context.momentMs));
      await dialogue.send(outgoing.bytes.subarray(head));
      return accepted({ outgoing, dialogue, ...(await dialogue.finalAnswer(outgoing)) });
    },
  },
  {
    id: 'connection.client-gone',
    group: 'connection',
    level: 'should',
    needs: 'message',
    title: 'goes on after a client has gone in the middle of a message',
    clause: 'RFC 3507 §6.2',
    sends: 'Half a message on one connection, which is closed; then OPTIONS on another.',
    means: 'A user who cancels a download can take a handler of the server out of service.',
    async run(context) {
      const outgoing = context.message();
      const dialogue = await context.open();
      await dialogue.send(outgoing.bytes.subarray(0, outgoing.bytes.length - 20));
      dialogue.close();
      const { final } = await context.exchange(context.options());
      const problem = final.kind === 'response' && final.response.status === 200 ? null : problemOf(final);
      return problem === null ? right('the next client was served') : wrong(`the next client: ${problem}`);
    },
  },
];

function closeRequest(context: CheckContext) {
  return context.exchange(context.options({ fields: ['Connection: close'] }));
}

async function examineTls({ target, settings, patienceMs }: CheckContext): Promise<Finding> {
  if (!target.secure) return skip('not an icaps URL');
  const { host, port } = target;
  const { ca, cert, key } = settings.tls ?? {};
  const socket = connect({
    host,
    port,
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.setTimeout(patienceMs, () => reject(new Error('the handshake was not complete in time')));
    });
    const version = socket.getProtocol() ?? 'unknown';
    const until = Date.parse(socket.getPeerCertificate().valid_to);
    const days = Math.floor((until - Date.now()) / DAY_MS);
    const seen = `${version}, certificate valid for ${days} more days`;
    if (!/^TLSv1\.[23]$/.test(version)) return wrong(`${version} is outdated`);
    if (!socket.authorized) return wrong(`${seen}; not verified: ${String(socket.authorizationError)}`);
    return days < 14 ? wrong(seen) : right(seen);
  } catch (error) {
    return wrong(`TLS handshake failed: ${(error as Error).message}`);
  } finally {
    socket.on('error', () => {});
    socket.destroy();
  }
}

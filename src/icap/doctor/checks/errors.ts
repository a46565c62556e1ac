// Checks of what a server says to requests that are wrong: the status that tells a client what to mend,
// and never silence. RFC 3507 §4.3.3, §4.4.1 with errata 4 and 5; S-13, S-404 … S-505, C-24.

import type { Reply } from '../dialogue.ts';
import { announcesClose, refusal, inStep, refused, right, skip, statusOf, told, wrong } from '../judge.ts';
import type { Check, Finding } from '../types.ts';

export const errorChecks: readonly Check[] = [
  {
    id: 'errors.not-found',
    group: 'errors',
    level: 'should',
    needs: 'options',
    title: 'answers 404 for a path that names no service',
    clause: 'RFC 3507 §4.3.3 (404)',
    sends: 'OPTIONS for /doctor-no-such-service.',
    means: 'A slip in the URL is not noticed: the client believes that something scans.',
    async run(context) {
      const { final } = await context.unknownPath();
      return statusIs(final, [404]);
    },
  },
  {
    id: 'errors.not-found-body',
    group: 'errors',
    level: 'must',
    needs: 'message',
    title: 'reads the body of a message for an unknown path, or says that it closes',
    clause: 'RFC 3507 §6.2 (1004); erratum 7',
    sends: 'A message with a body for /doctor-no-such-service, then OPTIONS on the same connection.',
    means: 'The body is taken for the next request, or the next request is lost.',
    async run(context) {
      const outgoing = context.message({ uri: context.uri('/doctor-no-such-service') });
      const { dialogue, final } = await context.exchange(outgoing);
      return inStep(dialogue, final, context.options());
    },
  },
  {
    id: 'errors.close-announced',
    group: 'errors',
    level: 'must',
    needs: 'options',
    title: 'says "Connection: close" in an error answer when it closes',
    clause: 'RFC 3507 §6.2 (1004)',
    sends: 'OPTIONS for /doctor-no-such-service; watches whether the connection ends.',
    means: 'Clients may send their next request into a connection that is closing: expect rare retries.',
    async run(context) {
      const { dialogue, final } = await context.exchange(
        context.options({ uri: context.uri('/doctor-no-such-service') }),
      );
      if ((statusOf(final) ?? 0) < 400) return skip(`no error to look at: ${told(final)}`);
      if (announcesClose(final)) return right(`${told(final)} with "Connection: close"`);
      const { closed } = await dialogue.closesWithin(context.momentMs);
      return closed ? wrong(`${told(final)} without "Connection: close", then closed`) : right('stays open');
    },
  },
  {
    id: 'errors.method-of-service',
    group: 'errors',
    level: 'should',
    needs: 'message',
    title: 'answers 405 for a method that the service does not offer',
    clause: 'RFC 3507 §4.3.3 (405)',
    sends: 'REQMOD to a service of responses, or RESPMOD to a service of requests.',
    means: 'A client set to the wrong direction is not told so.',
    async run(context) {
      const other = context.facts.primary === 'REQMOD' ? 'RESPMOD' : 'REQMOD';
      if (context.facts.methods.includes(other)) return skip('the service offers both methods');
      const { final } = await context.exchange(context.message({}, other));
      return statusIs(final, [405]);
    },
  },
  {
    id: 'errors.unknown-method',
    group: 'errors',
    level: 'must',
    needs: 'options',
    title: 'answers 501 to a method that ICAP does not have',
    clause: 'RFC 3507 §4.3.2',
    sends: '`FILEMOD <uri> ICAP/1.0`.',
    means: 'Clients with an extension cannot tell "unknown method" from "broken request".',
    run: async (context) => statusIs(await context.raw(context.head({ method: 'FILEMOD' })), [501]),
  },
  {
    id: 'errors.method-case',
    group: 'errors',
    level: 'should',
    needs: 'options',
    title: 'does not take "options" for OPTIONS',
    clause: 'RFC 3507 §4.3.2; RFC 2616 §5.1.1',
    sends: '`options <uri> ICAP/1.0`.',
    means: 'Lenient and harmless by itself.',
    run: async (context) => statusIs(await context.raw(context.head({ method: 'options' })), [400, 405, 501]),
  },
  {
    id: 'errors.version',
    group: 'errors',
    level: 'should',
    needs: 'options',
    title: 'answers 505 to a version that it does not speak',
    clause: 'RFC 3507 §4.3.3 (505)',
    sends: '`OPTIONS <uri> ICAP/2.0`.',
    means: 'A later protocol version would be answered as if it were understood.',
    run: async (context) => statusIs(await context.raw(context.head({ version: 'ICAP/2.0' })), [505]),
  },
  {
    id: 'errors.protocol',
    group: 'errors',
    level: 'should',
    needs: 'options',
    title: 'refuses a request of another protocol',
    clause: 'RFC 3507 §4.3.3 (400)',
    sends: '`OPTIONS <uri> HTTP/1.1`.',
    means: 'An HTTP client that ends up on this port gets ICAP answers.',
    run: async (context) => refusal(await context.raw(context.head({ version: 'HTTP/1.1' }))),
  },
  {
    id: 'errors.request-line',
    group: 'errors',
    level: 'should',
    needs: 'options',
    title: 'refuses a request line without URI and version',
    clause: 'RFC 3507 §4.3.2, §4.3.3 (400)',
    sends: '`HELLO` and a blank line.',
    means: 'Nonsense on the port holds a handler until a timeout.',
    run: async (context) => refusal(await context.raw('HELLO\r\n\r\n')),
  },
  {
    id: 'errors.relative-uri',
    group: 'errors',
    level: 'should',
    needs: 'options',
    title: 'refuses a URI that is not absolute',
    clause: 'RFC 3507 §4.2',
    sends: '`OPTIONS /service ICAP/1.0`.',
    means: 'Lenient and harmless by itself.',
    run: async (context) => refusal(await context.raw(context.head({ uri: context.target.path }))),
  },
  {
    id: 'errors.no-host',
    group: 'errors',
    level: 'info',
    needs: 'options',
    title: 'what it does with a request without Host',
    clause: 'RFC 3507 §4.3.2 (Host)',
    sends: 'OPTIONS without Host.',
    means: 'Nothing: the service is found by the URI.',
    async run(context) {
      const reply = await context.raw(context.head({ host: false }));
      if (statusOf(reply) === 200) return right('accepted: Host is not checked');
      return refused(reply) ? right(`refused: ${told(reply)}`) : wrong(told(reply));
    },
  },
  {
    id: 'errors.preview-value',
    group: 'errors',
    level: 'should',
    needs: 'message',
    title: 'refuses a Preview that is no number',
    clause: 'RFC 3507 §4.5',
    sends: 'A complete message with `Preview: many`.',
    means: 'Client and server disagree about who speaks next, and wait for each other.',
    async run(context) {
      const { final } = await context.exchange(context.message({ fields: ['Preview: many'] }));
      if (final.kind === 'silent') return wrong(final.what);
      return refused(final) ? right(told(final)) : wrong(`accepted: ${told(final)}`);
    },
  },
  {
    id: 'errors.timeout',
    group: 'errors',
    level: 'info',
    needs: 'options',
    intrusive: true,
    title: 'what it does when a request stops half-way',
    clause: 'RFC 3507 §4.3.3 (408)',
    sends: 'The first line of OPTIONS; waits for three times the usual time.',
    means: 'Nothing: how long a server waits is its own choice.',
    async run(context) {
      const dialogue = await context.open();
      await dialogue.send(`${context.head({}).split('\r\n', 1)[0]!}\r\n`);
      for (let waits = 0; waits < 3; waits++) {
        const reply = await dialogue.answer({ method: 'OPTIONS', hasPreview: false });
        if (reply.kind !== 'silent') return right(told(reply));
      }
      return skip(`still waiting after ${(3 * context.patienceMs) / 1000} s`);
    },
  },
];

function statusIs(reply: Reply, wanted: readonly number[]): Finding {
  return wanted.includes(statusOf(reply) ?? 0) ? right(told(reply)) : wrong(told(reply));
}

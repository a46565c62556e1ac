// Checks of how forgiving the server is with legal but unusual spelling in requests, and how correct its
// own is. RFC 3507 §4.3 … §4.4.1 with RFC 2616 §2.1, §4; C-09 … C-16, C-20 … C-26.

import type { WireResponse } from '../../probe/wire-client.ts';
import type { CheckContext } from '../context.ts';
import { accepted, refused, right, skip, statusOf, told, wrong } from '../judge.ts';
import type { MessageParts } from '../message.ts';
import { encapsulatedValue, requestSection, responseSection } from '../message.ts';
import type { Check, Finding, Level } from '../types.ts';

export const grammarChecks: readonly Check[] = [
  {
    id: 'grammar.leading-crlf',
    group: 'grammar',
    level: 'should',
    needs: 'options',
    title: 'ignores an empty line before a request',
    clause: 'RFC 2616 §4.1',
    sends: 'CR LF, then OPTIONS.',
    means: 'Old clients that end a body with one CR LF too many get an error for the next request.',
    async run(context) {
      const reply = await context.raw(Buffer.concat([Buffer.from('\r\n'), context.options().bytes]));
      return statusOf(reply) === 200 ? right(told(reply)) : wrong(told(reply));
    },
  },
  {
    id: 'grammar.bare-lf',
    group: 'grammar',
    level: 'should',
    needs: 'options',
    title: 'answers a request whose lines end in LF alone, if only with 400',
    clause: 'RFC 2616 §2.2, §19.3',
    sends: 'OPTIONS with LF in place of CR LF.',
    means: 'A hand-made or broken client holds a handler until a timeout.',
    async run(context) {
      const reply = await context.raw(context.options().bytes.toString('latin1').replaceAll('\r\n', '\n'));
      return statusOf(reply) === 200 || refused(reply) ? right(told(reply)) : wrong(told(reply));
    },
  },
  tolerated(
    'field-case',
    'must',
    'takes field names in any case, without blank behind the colon',
    'RFC 2616 §4.2; RFC 3507 §4.3',
    'A message with `ENCAPSULATED:…` and `aLLoW:204`.',
    'Clients that write fields in their own way are refused.',
    (right) => ({ encapsulated: null, fields: ['aLLoW:204', `ENCAPSULATED:${right}`] }),
  ),
  tolerated(
    'folded-field',
    'should',
    'joins a header line that continues on the next',
    'RFC 2616 §4.2',
    'A message with a field in two lines, the second beginning with a blank.',
    'Clients that fold long fields are refused, or lose a part of the field.',
    () => ({ fields: ['X-Doctor: first part,', '  second part'] }),
  ),
  tolerated(
    'unknown-fields',
    'must',
    'ignores fields that it does not know',
    'RFC 3507 §4.3',
    'A message with `X-Doctor: 1` and `Doctor-Field: 2`.',
    'Clients with extensions of their own are refused.',
    () => ({ fields: ['X-Doctor: 1', 'Doctor-Field: 2'] }),
  ),
  tolerated(
    'empty-value',
    'must',
    'takes a field without value',
    'RFC 2616 §4.2',
    'A message with `X-Client-IP:` and nothing behind it.',
    'Clients that do not know the address of the user are refused; some file-sharing servers send this.',
    () => ({ fields: ['X-Client-IP:'] }),
  ),
  tolerated(
    'content-length',
    'should',
    'ignores Content-Length in the ICAP header',
    'RFC 3507 §4.3.1',
    'A message with `Content-Length: 1` in the ICAP header.',
    'Client and server disagree where the message ends.',
    () => ({ fields: ['Content-Length: 1'] }),
  ),
  tolerated(
    'identity-fields',
    'should',
    'takes the identity of a user in the usual fields',
    'draft-stecher-icap-subid-00 §3',
    'A message with X-Client-IP, X-Server-IP, X-Authenticated-User (base64) and X-Authenticated-Groups.',
    'Clients that pass on who is asking are refused.',
    () => ({
      fields: [
        'X-Client-IP: 192.0.2.10',
        'X-Server-IP: 198.51.100.7',
        `X-Authenticated-User: ${Buffer.from('Local://doctor').toString('base64')}`,
        `X-Authenticated-Groups: ${Buffer.from('Local://staff').toString('base64')}`,
      ],
    }),
  ),
  tolerated(
    'encapsulated-no-blank',
    'must',
    'takes Encapsulated with commas and no blanks',
    'RFC 3507 §4.4.1; RFC 2616 §2.1',
    'A message with `req-hdr=0,res-hdr=…,res-body=…`.',
    'Clients that save the blank are refused.',
    (right) => ({ encapsulated: right.replaceAll(', ', ',') }),
  ),
  tolerated(
    'encapsulated-case',
    'should',
    'takes the names in Encapsulated in any case',
    'RFC 2616 §2.1',
    'A message with `Req-Hdr=0, …`.',
    'Clients that write the names with capitals are refused.',
    (right) => ({ encapsulated: right.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()) }),
  ),
  {
    id: 'grammar.encapsulated-blanks',
    group: 'grammar',
    level: 'info',
    needs: 'message',
    title: 'what it does with blanks in place of commas in Encapsulated',
    clause: 'RFC 3507 §4.4.1',
    sends: 'A message with `req-hdr=0 res-hdr=… res-body=…`.',
    means: 'Nothing: only some old clients write this.',
    async run(context) {
      const { final } = await spelled(context, (right) => ({ encapsulated: right.replaceAll(',', '') }));
      return right(final.kind === 'response' && !refused(final) ? `accepted: ${told(final)}` : told(final));
    },
  },
  ownGrammar('status-line', 'must', 'begins its answers with a proper status line', ['C-08', 'C-09'], {
    clause: 'RFC 3507 §4.3.3',
    means: 'Strict clients cannot read the answers.',
  }),
  ownGrammar('line-ends', 'should', 'ends its header lines with CR LF', ['C-15', 'C-10'], {
    clause: 'RFC 2616 §2.2, §4.2',
    means: 'Strict clients cannot read the answers.',
  }),
  ownGrammar(
    'encapsulated',
    'must',
    'has a legal Encapsulated in its answers',
    ['C-13', 'C-14', 'C-20', 'C-24'],
    {
      clause: 'RFC 3507 §4.4.1, errata 1 and 4',
      means: 'Clients look for the body in the wrong place, or wait for one.',
    },
  ),
  ownGrammar('encapsulated-lower-case', 'should', 'writes names in Encapsulated in lower case', ['C-23'], {
    clause: 'RFC 3507 §4.4.1',
    means: 'Squid does not find the parts of the answer.',
  }),
  ownGrammar('offsets', 'must', 'gives offsets that agree with its header sections', ['C-26', 'C-25'], {
    clause: 'RFC 3507 §4.4.1, §4.4.2',
    means: 'Clients cut header and body in the wrong place: users get damaged pages.',
  }),
  ownGrammar('chunks', 'must', 'writes well-formed chunks', ['C-30', 'C-31', 'C-43'], {
    clause: 'RFC 3507 §4.4; RFC 2616 §3.6.1',
    means: 'Clients cut off the body, or wait for its end.',
  }),
];

/** A check that the server takes a message in an unusual spelling. */
function tolerated(
  what: string,
  level: Level,
  title: string,
  clause: string,
  sends: string,
  means: string,
  spelling: (encapsulated: string) => MessageParts,
): Check {
  const run = async (context: CheckContext): Promise<Finding> => accepted(await spelled(context, spelling));
  return {
    id: `grammar.${what}`,
    group: 'grammar',
    level,
    needs: 'message',
    title,
    clause,
    sends,
    means,
    run,
  };
}

/** Sends a message whose parts depend on the right value of Encapsulated. */
function spelled(context: CheckContext, spelling: (encapsulated: string) => MessageParts) {
  const method = context.facts.primary;
  const body = Buffer.from('spelling\n');
  const requestHead = requestSection(method, body);
  const responseHead = method === 'RESPMOD' ? responseSection(body) : null;
  const value = encapsulatedValue(method, requestHead, responseHead, true);
  const parts = spelling(value);
  return context.exchange(context.message({ body, requestHead, responseHead, ...parts }));
}

/** A check that no oddity of these kinds was seen in the answers to sound requests. */
function ownGrammar(
  what: string,
  level: Level,
  title: string,
  kinds: readonly string[],
  { clause, means }: { clause: string; means: string },
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const answers = [
      await context.bareOptions(),
      await context.plainMessage(),
      await context.allowedMessage(),
    ];
    const responses = answers.flatMap(({ final, interims }): WireResponse[] =>
      final.kind === 'response' ? [...interims, final.response] : [...interims],
    );
    const broken = answers.find(({ final }) => final.kind === 'broken')?.final;
    if (broken !== undefined)
      return kinds.some((kind) => told(broken).includes(kind)) ? wrong(told(broken)) : skip(told(broken));
    const notes = responses.flatMap(({ notes }) => notes);
    const found = notes.filter((note) => kinds.includes(note.slice(0, note.indexOf(' '))));
    if (responses.length === 0) return skip('no answers to look at');
    return found.length === 0
      ? right(`nothing odd in ${responses.length} answers`)
      : wrong([...new Set(found)].join('; '));
  };
  const sends = 'OPTIONS, and messages with and without `Allow: 204` (shared by the checks of answers).';
  return {
    id: `grammar.${what}`,
    group: 'grammar',
    level,
    needs: 'options',
    title,
    clause,
    sends,
    means,
    run,
  };
}

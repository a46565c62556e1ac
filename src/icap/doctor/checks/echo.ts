// Checks of messages that come back: legal parts, and nothing changed that the service has no reason to
// change. RFC 3507 §4.4.2, §4.6, §4.8, §4.9; C-21, C-25, C-27, C-37, C-38, C-90, C-94, S-05.

import type { CheckContext, Exchanged } from '../context.ts';
import { accepted, acceptedWhole, problemOf, right, skip, told, wrong } from '../judge.ts';
import type { MessageParts, ModMethod } from '../message.ts';
import { requestSection, responseSection } from '../message.ts';
import { everyByte, gzipOf, text } from '../samples.ts';
import type { Check, Finding } from '../types.ts';

const LARGE = 128 * 1024; // bytes

export const echoChecks: readonly Check[] = [
  {
    id: 'echo.reqmod',
    group: 'echo',
    level: 'must',
    needs: 'options',
    title: 'gives a usable answer to a REQMOD request',
    clause: 'RFC 3507 §4.8',
    sends: 'POST of a short text, without Preview and without Allow.',
    means: 'Requests of users fail.',
    run: (context) => plain(context, 'REQMOD'),
  },
  {
    id: 'echo.respmod',
    group: 'echo',
    level: 'must',
    needs: 'options',
    title: 'gives a usable answer to a RESPMOD request',
    clause: 'RFC 3507 §4.9',
    sends: 'A response of a short text, without Preview and without Allow.',
    means: 'Responses to users fail.',
    run: (context) => plain(context, 'RESPMOD'),
  },
  {
    id: 'echo.get',
    group: 'echo',
    level: 'must',
    needs: 'message',
    title: 'takes a request without body',
    clause: 'RFC 3507 §4.8.1',
    sends: 'REQMOD with GET and null-body.',
    means: 'The most usual request of all fails.',
    run: (context) => ofMethod(context, 'REQMOD', { body: null }, accepted),
  },
  {
    id: 'echo.head-response',
    group: 'echo',
    level: 'must',
    needs: 'message',
    title: 'takes a response without body whose Content-Length says otherwise',
    clause: 'RFC 3507 §4.4.1; RFC 2616 §4.4',
    sends: 'RESPMOD with the response to HEAD: `Content-Length: 79`, null-body.',
    means: 'Responses to HEAD and 304 hang.',
    run: (context) =>
      ofMethod(
        context,
        'RESPMOD',
        {
          body: null,
          requestHead: 'HEAD http://doctor.example/sample.txt HTTP/1.1\r\nHost: doctor.example\r\n\r\n',
          responseHead: responseSection(text(79)),
        },
        accepted,
      ),
  },
  {
    id: 'echo.own-direction',
    group: 'echo',
    level: 'must',
    needs: 'message',
    title: 'sends back only parts that belong into the answer',
    clause: 'RFC 3507 §4.4.1, §4.9.2',
    sends: 'A message without Preview and without Allow; looks at the parts of the answer.',
    means: 'Clients cannot read the answer: a response to RESPMOD never holds a request.',
    async run(context) {
      const { final } = await context.plainMessage();
      if (final.kind !== 'response') return skip(final.what);
      const { encapsulated = '' } = final.response;
      if (final.response.status !== 200) return skip(told(final));
      const mixed = context.facts.primary === 'RESPMOD' ? /req-/ : /req-.*res-|res-.*req-/;
      return mixed.test(encapsulated) ? wrong(encapsulated) : right(encapsulated);
    },
  },
  comesBack(
    'every-byte',
    'gives a body of all byte values back unchanged',
    'A body of 1 KiB with every byte value.',
    {
      body: everyByte(),
      type: 'application/octet-stream',
      means: 'Downloads are damaged.',
    },
  ),
  comesBack(
    'gzip',
    'gives a compressed body back unchanged',
    'A body in gzip, with `Content-Encoding: gzip`.',
    {
      body: gzipOf(text(2000)),
      type: 'text/plain',
      extra: 'Content-Encoding: gzip\r\n',
      means: 'Compressed pages are damaged.',
    },
  ),
  comesBack('large', 'gives a body of 128 KiB back unchanged', 'A body of 128 KiB of text.', {
    body: text(LARGE),
    type: 'text/plain',
    means: 'Larger files are damaged, or hang.',
  }),
  accepts(
    'https-target',
    'takes requests for https:// URLs',
    'RFC 3507 §4.8.1',
    'A message for an https:// URL.',
    {
      means: 'Decrypted traffic is refused.',
      heads: (body, method) => ({
        requestHead: requestSection(method, body, 'https://doctor.example/sample.txt'),
      }),
    },
  ),
  accepts(
    'origin-form',
    'takes requests whose target is only a path',
    'RFC 3507 §4.8.1; RFC 2616 §5.1.2',
    'A message with `/sample.txt` and Host.',
    {
      means: 'Clients in front of a web server are refused.',
      heads: (body, method) => ({
        requestHead: requestSection(method, body).replace('http://doctor.example', ''),
      }),
    },
  ),
  {
    id: 'echo.without-request',
    group: 'echo',
    level: 'should',
    needs: 'message',
    title: 'takes a response without the request that it answers, or says 418',
    clause: 'RFC 3507 §4.9.1; errata 4 and 5',
    sends: 'RESPMOD with res-hdr and res-body only.',
    means: 'Simple clients that scan files are refused.',
    run: (context) =>
      ofMethod(context, 'RESPMOD', { requestHead: null }, ({ final }) => {
        const problem = problemOf(final);
        if (problem === null) return right(told(final));
        return final.kind === 'response' && final.response.status === 418
          ? right(told(final))
          : wrong(problem);
      }),
  },
  {
    id: 'echo.connect',
    group: 'echo',
    level: 'info',
    needs: 'message',
    title: 'what it does with CONNECT',
    clause: 'RFC 3507 §4.8.1',
    sends: 'REQMOD with `CONNECT doctor.example:443` and null-body.',
    means: 'Nothing: most clients keep CONNECT from ICAP.',
    run: (context) => {
      const requestHead = 'CONNECT doctor.example:443 HTTP/1.1\r\nHost: doctor.example:443\r\n\r\n';
      return ofMethod(context, 'REQMOD', { requestHead, body: null }, ({ final }) => right(told(final)));
    },
  },
];

async function plain(context: CheckContext, method: ModMethod): Promise<Finding> {
  if (!context.facts.methods.includes(method)) return skip(`the service has no ${method}`);
  return accepted(await context.plainMessage(method));
}

async function ofMethod(
  context: CheckContext,
  method: ModMethod,
  parts: MessageParts,
  judge: (exchanged: Exchanged) => Finding,
): Promise<Finding> {
  if (!context.facts.methods.includes(method)) return skip(`the service has no ${method}`);
  return judge(await context.exchange(context.message(parts, method)));
}

/** A check that a body comes back byte for byte. */
function comesBack(
  what: string,
  title: string,
  sends: string,
  it: { body: Buffer; type: string; extra?: string; means: string },
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    if (context.facts.plain.kind === 'changed') return skip('this service changes what it gets');
    const { body, type, extra } = it;
    const heads =
      context.facts.primary === 'RESPMOD' ? { responseHead: responseSection(body, type, extra) } : {};
    return acceptedWhole(await context.exchange(context.message({ body, ...heads })), context.facts.plain);
  };
  const fixed = { group: 'echo', level: 'must', needs: 'message', clause: 'RFC 3507 §4.4, §4.6' } as const;
  return { ...fixed, id: `echo.${what}`, title, sends, means: it.means, run };
}

/** A check that a message with another HTTP request header is taken. */
function accepts(
  what: string,
  title: string,
  clause: string,
  sends: string,
  it: { means: string; heads: (body: Buffer, method: ModMethod) => MessageParts },
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const body = text(60);
    return accepted(
      await context.exchange(context.message({ body, ...it.heads(body, context.facts.primary) })),
    );
  };
  const fixed = { group: 'echo', level: 'must', needs: 'message' } as const;
  return { ...fixed, id: `echo.${what}`, title, clause, sends, means: it.means, run };
}

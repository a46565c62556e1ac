// Checks of the HTTP header of a message that came back: nothing lost, nothing that does not belong there.
// RFC 3507 §4.4.2; C-37, C-90, C-94.

import { fieldValue } from '../../codec/fields.ts';
import type { CheckContext, Exchanged } from '../context.ts';
import { type HttpView, viewHttp } from '../http-view.ts';
import { outcomeOf, right, skip, told, wrong } from '../judge.ts';
import { requestSection, responseSection } from '../message.ts';
import { text } from '../samples.ts';
import type { Check, Finding } from '../types.ts';

const ODD_FIELDS =
  'Set-Cookie: first=1\r\nX-Doctor-B: 2\r\nSet-Cookie: second=2\r\nX-Doctor-A: 1\r\nETag: "doctor"\r\n';
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

export const returnedChecks: readonly Check[] = [
  {
    id: 'echo.content-length',
    group: 'echo',
    level: 'must',
    needs: 'message',
    title: 'gives a Content-Length that is the length of the body, or none',
    clause: 'RFC 3507 §4.4.2; RFC 2616 §4.4',
    sends: 'A message without Preview and without Allow.',
    means: 'Users get files that are cut off, or wait for their end.',
    run: (context) => onReturned(context, contentLength),
  },
  {
    id: 'echo.field-order',
    group: 'echo',
    level: 'should',
    needs: 'message',
    title: 'keeps order and repetition of HTTP fields',
    clause: 'RFC 2616 §4.2',
    sends: 'A message with two Set-Cookie fields among others; compares.',
    means: 'Cookies get lost: log-ins of some sites fail.',
    async run(context) {
      const respond = context.facts.primary === 'RESPMOD';
      const body = text(60);
      const heads = respond
        ? { responseHead: responseSection(body, 'text/plain', ODD_FIELDS) }
        : { requestHead: requestSection('REQMOD', body, undefined, ODD_FIELDS) };
      const exchanged = await context.exchange(context.message({ body, ...heads }));
      return returned(exchanged, (view) => sameFields(view, exchanged));
    },
  },
  {
    id: 'echo.hop-by-hop',
    group: 'echo',
    level: 'must',
    needs: 'message',
    title: 'adds no hop-by-hop fields to the HTTP header',
    clause: 'RFC 3507 §4.4.2; RFC 2616 §13.5.1',
    sends: 'A message without Preview and without Allow.',
    means: 'Clients misjudge where the message ends.',
    run: (context) =>
      onReturned(context, ({ headers }) => {
        const found = HOP_BY_HOP.filter((name) => fieldValue(headers, name) !== undefined);
        return found.length === 0 ? right('none') : wrong(found.join(', '));
      }),
  },
  {
    id: 'echo.via',
    group: 'echo',
    level: 'should',
    needs: 'message',
    title: 'adds Via with the protocol ICAP/1.0',
    clause: 'RFC 3507 §4.4.2',
    sends: 'A message without Preview and without Allow.',
    means: 'Nobody can see from a message that it went through the server.',
    run: (context) =>
      onReturned(context, ({ headers }) => {
        const via = fieldValue(headers, 'via');
        return via !== undefined && /\bICAP\/1\.0 \S/.test(via)
          ? right(via)
          : wrong(`Via: ${via ?? '(absent)'}`);
      }),
  },
];

async function onReturned(context: CheckContext, judge: (view: HttpView, it: Exchanged) => Finding) {
  return returned(await context.plainMessage(), judge);
}

/** Judges the HTTP header of a message that came back; skips when another one, or none, did. */
function returned(exchanged: Exchanged, judge: (view: HttpView, it: Exchanged) => Finding): Finding {
  const { kind } = outcomeOf(exchanged);
  const { final } = exchanged;
  const section = final.kind === 'response' ? final.response.httpHeader : null;
  if ((kind !== 'same' && kind !== 'changed') || section === null)
    return skip(`no message came back: ${told(final)}`);
  return judge(viewHttp(section.bytes), exchanged);
}

function contentLength({ headers }: HttpView, { final }: Exchanged): Finding {
  const value = fieldValue(headers, 'content-length');
  if (value === undefined) return right('none');
  const bytes = final.kind === 'response' ? final.response.bodyBytes : 0;
  return Number(value) === bytes
    ? right(`${bytes} bytes`)
    : wrong(`Content-Length: ${value}, the body has ${bytes}`);
}

function sameFields({ headers }: HttpView, { outgoing }: Exchanged): Finding {
  const sent = pairs(viewHttp(outgoing.section).headers);
  const got = pairs(headers).filter((pair) => sent.includes(pair));
  const lost = sent.filter((pair) => !got.includes(pair));
  if (lost.length > 0) return wrong(`lost or changed: ${lost.join(', ')}`);
  const order = got.every((pair, index) => pair === sent[index]);
  return order ? right('all fields, in order') : wrong('the order has changed');
}

function pairs(headers: readonly string[]): string[] {
  return headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1]!}`] : []));
}

// Checks of the two kinds of trailers: HTTP trailer fields behind the body of a message, and ICAP
// trailers, which a client must have offered. Errata 2 and 3, draft-rousskov-icap-trailers; C-33, C-100.

import type { WireResponse } from '../../probe/wire-client.ts';
import { fieldValue } from '../../codec/fields.ts';
import { icapList } from '../../codec/head.ts';
import type { CheckContext } from '../context.ts';
import { acceptedWhole, outcomeOf, problemOf, right, skip, told, wrong } from '../judge.ts';
import type { Check, Finding } from '../types.ts';

const BODY = Buffer.from('a body with a trailer\n');
const NAME = 'x-doctor-trailer';

export const trailerChecks: readonly Check[] = [
  {
    id: 'trailers.http-accepted',
    group: 'trailers',
    level: 'must',
    needs: 'message',
    title: 'reads HTTP trailer fields behind a body',
    clause: 'RFC 3507 erratum 2',
    sends: 'A message whose body ends with `0`, `X-Doctor-Trailer: kept` and an empty line.',
    means: 'Responses with trailers fail: have the client remove them before the server.',
    async run(context) {
      return acceptedWhole(await withTrailer(context), context.facts.plain);
    },
  },
  {
    id: 'trailers.http-returned',
    group: 'trailers',
    level: 'should',
    needs: 'message',
    title: 'gives HTTP trailer fields back with an unmodified body',
    clause: 'RFC 3507 erratum 2',
    sends: 'The same message; compares.',
    means: 'Checksums and signatures that follow a body are lost.',
    async run(context) {
      const exchanged = await withTrailer(context);
      const { final } = exchanged;
      if (problemOf(final) !== null || final.kind !== 'response')
        return skip(problemOf(final) ?? told(final));
      if (outcomeOf(exchanged).kind !== 'same' || final.response.status === 204) {
        return skip(`the message does not come back as it was: ${told(final)}`);
      }
      const value = fieldValue(final.response.trailers, NAME);
      return value === 'kept' ? right('came back') : wrong('lost');
    },
  },
  {
    id: 'trailers.icap-not-unasked',
    group: 'trailers',
    level: 'must',
    needs: 'message',
    title: 'sends no ICAP trailer to a client that has not offered it',
    clause: 'RFC 3507 erratum 3; draft-rousskov-icap-trailers',
    sends: 'A message without `Allow: trailers`.',
    means: 'The client takes the trailer for the answer to its next request.',
    async run(context) {
      const { final } = await context.plainMessage();
      if (final.kind !== 'response') return skip(final.what);
      const { headers, icapTrailers } = final.response;
      const announced = fieldValue(headers, 'trailer');
      if (announced === undefined && icapTrailers.length === 0) return right('none');
      return wrong(`Trailer: ${announced ?? '(absent)'}`);
    },
  },
  {
    id: 'trailers.icap-offered',
    group: 'trailers',
    level: 'must',
    needs: 'message',
    title: 'gives a usable answer to a client that offers trailers',
    clause: 'draft-rousskov-icap-trailers',
    sends: 'A message with `Allow: trailers`.',
    means: 'Squid, which offers trailers with every message, gets errors.',
    async run(context) {
      return acceptedWhole(await offeringTrailers(context), context.facts.plain);
    },
  },
  {
    id: 'trailers.icap-announced',
    group: 'trailers',
    level: 'must',
    needs: 'message',
    title: 'announces an ICAP trailer with both Trailer and "Allow: trailers"',
    clause: 'draft-rousskov-icap-trailers',
    sends: 'The same message; looks at the header of the answer and at what follows the body.',
    means: 'Squid rejects the answer.',
    async run(context) {
      const { final } = await offeringTrailers(context);
      return final.kind === 'response' ? announced(final.response) : skip(final.what);
    },
  },
];

function withTrailer(context: CheckContext) {
  const chunks = `${BODY.length.toString(16)}\r\n${BODY.toString()}\r\n0\r\nX-Doctor-Trailer: kept\r\n\r\n`;
  return context.once('http-trailer', (it) => it.exchange(it.message({ body: BODY, chunks })));
}

function offeringTrailers(context: CheckContext) {
  return context.once('icap-trailer', (it) => it.exchange(it.message({ allow: 'trailers' })));
}

function announced({ headers, icapTrailers }: WireResponse): Finding {
  const names = icapList(headers, 'trailer');
  const allows = icapList(headers, 'allow').includes('trailers');
  if (names.length === 0) return skip('no ICAP trailer');
  if (!allows) return wrong(`Trailer: ${names.join(', ')} without "Allow: trailers"`);
  const sent = icapTrailers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const odd = sent.filter((name) => !names.includes(name));
  return odd.length === 0 ? right(names.join(', ')) : wrong(`not announced: ${odd.join(', ')}`);
}

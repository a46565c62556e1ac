// Checks of the OPTIONS answer, field by field (RFC 3507 §4.10.2). All but the first look at two answers
// that were fetched before: one to a bare request, one to a request that offers what we can do.

import type { WireResponse } from '../../probe/wire-client.ts';
import { fieldValue, fieldValues, isToken } from '../../codec/fields.ts';
import { icapList } from '../../codec/head.ts';
import type { CheckContext } from '../context.ts';
import { problemOf, right, skip, statusOf, told, wrong } from '../judge.ts';
import type { Check, Finding } from '../types.ts';

const MAX_SENSIBLE_PREVIEW = 64 * 1024; // bytes; what common clients are able to hold back
const TRANSFER = ['transfer-preview', 'transfer-ignore', 'transfer-complete'] as const;
const BARE = 'OPTIONS without further fields';

export const optionsChecks: readonly Check[] = [
  {
    id: 'options.answers',
    group: 'options',
    level: 'must',
    needs: 'nothing',
    title: 'answers OPTIONS with 200',
    clause: 'RFC 3507 §4.10',
    sends: `${BARE}.`,
    means: 'Clients ask OPTIONS first and will not use the service at all.',
    async run(context) {
      const { final } = await context.bareOptions();
      return statusOf(final) === 200 ? right(told(final)) : wrong(told(final));
    },
  },
  fromOptions(
    'methods',
    'must',
    'names its methods in Methods',
    'RFC 3507 §4.10.2 (Methods)',
    'Clients do not know whether to send requests, responses or both, and some refuse the service.',
    (answer) => {
      const methods = fieldValues(answer.headers, 'methods').join(', ');
      return /\b(?:REQMOD|RESPMOD)\b/.test(methods)
        ? right(methods)
        : wrong(`Methods: ${methods || '(absent)'}`);
    },
  ),
  fromOptions(
    'methods-clean',
    'must',
    'does not list OPTIONS among its methods',
    'RFC 3507 §4.10.2 (Methods)',
    'Harmless with most clients; strict ones refuse the service.',
    (answer) => {
      const methods = icapList(answer.headers, 'methods');
      return methods.includes('options')
        ? wrong(`Methods: ${methods.join(', ').toUpperCase()}`)
        : right('not listed');
    },
  ),
  fromOptions(
    'encapsulated',
    'must',
    'has Encapsulated with null-body=0 or opt-body=0',
    'RFC 3507 §4.10.2 (Encapsulated), erratum 1',
    'Clients cannot tell whether a body follows and may wait for one.',
    ({ encapsulated }) =>
      /^(?:null|opt)-body\s*=\s*0$/i.test(encapsulated ?? '')
        ? right(`Encapsulated: ${encapsulated}`)
        : wrong(`Encapsulated: ${encapsulated ?? '(absent)'}`),
  ),
  fromOptions(
    'opt-body-type',
    'must',
    'names the type of its body in Opt-body-type exactly when there is one',
    'RFC 3507 §4.10.2 (Opt-body-type)',
    'Clients cannot read the body, or expect one that does not exist.',
    ({ headers, encapsulated = '' }) => {
      const type = fieldValue(headers, 'opt-body-type');
      const body = /^opt-body/i.test(encapsulated);
      if (!body && type === undefined) return skip('no body');
      return body && type !== undefined
        ? right(type)
        : wrong(body ? 'a body without type' : `${type} without a body`);
    },
  ),
  fromOptions(
    'ttl',
    'should',
    'says in Options-TTL how long the answer holds',
    'RFC 3507 §4.10.2 (Options-TTL)',
    'Changes of the service reach clients late or never: without it the answer never expires.',
    ({ headers }) => {
      const ttl = fieldValue(headers, 'options-ttl');
      if (ttl === undefined) return wrong('absent');
      return /^\d+$/.test(ttl) && Number(ttl) > 0 ? right(`${ttl} s`) : wrong(`Options-TTL: ${ttl}`);
    },
  ),
  fromOptions(
    'date',
    'should',
    'has the right time in Date, or none',
    'RFC 3507 §4.10.2 (Date)',
    'Clients that count the validity from Date take the service for permanently out of date.',
    ({ headers }) => {
      const date = fieldValue(headers, 'date');
      if (date === undefined) return skip('absent: clients count from the arrival of the answer');
      const off = Math.round((Date.now() - Date.parse(date)) / 1000);
      if (Number.isNaN(off)) return wrong(`not a date: ${date}`);
      const limit = Number(fieldValue(headers, 'options-ttl') ?? 60) || 60;
      const seen = `${Math.abs(off)} s ${off >= 0 ? 'behind' : 'ahead of'} this machine`;
      return Math.abs(off) > Math.min(limit, 300) ? wrong(seen) : right(seen);
    },
  ),
  fromOptions(
    'max-connections',
    'should',
    'says a positive number in Max-Connections, if anything',
    'RFC 3507 §4.10.2 (Max-Connections)',
    'Clients open as many connections as they like, or none at all.',
    ({ headers }) => number(fieldValue(headers, 'max-connections'), 1, Number.MAX_SAFE_INTEGER),
  ),
  fromOptions(
    'preview',
    'should',
    'says a sensible number of bytes in Preview, if anything',
    'RFC 3507 §4.5, §4.10.2 (Preview)',
    'Clients cannot hold back a preview of that size, or send every message whole.',
    ({ headers }) => number(fieldValue(headers, 'preview'), 0, MAX_SENSIBLE_PREVIEW),
  ),
  fromOptions(
    'allow-204',
    'should',
    'offers 204 in Allow',
    'RFC 3507 §4.6, §4.10.2 (Allow)',
    'Every message that is not modified travels back whole: twice the traffic, and slower.',
    ({ headers }) => {
      const allow = icapList(headers, 'allow');
      return allow.includes('204')
        ? right(`Allow: ${allow.join(', ')}`)
        : wrong(`Allow: ${allow.join(', ') || '(absent)'}`);
    },
  ),
  fromOptions(
    'allow-unasked',
    'should',
    'does not offer 206 to a client that has not offered it',
    'draft-icap-ext-partial-content-07 §4',
    'Harmless with most clients; some fail on the unknown word in Allow.',
    ({ headers }) => {
      const allow = icapList(headers, 'allow');
      return allow.includes('206')
        ? wrong(`Allow: ${allow.join(', ')}, unasked`)
        : right(`Allow: ${allow.join(', ')}`);
    },
  ),
  {
    id: 'options.offers',
    group: 'options',
    level: 'must',
    needs: 'options',
    title: 'answers OPTIONS that offers 204, 206 and trailers',
    clause: 'RFC 3507 §4.10.1; draft-icap-ext-partial-content-07 §4',
    sends: 'OPTIONS with `Allow: 204, 206, trailers` and `Encapsulated: null-body=0`.',
    means: 'Current clients offer these and will not use the service.',
    async run(context) {
      const { final } = await context.offeringOptions();
      if (statusOf(final) !== 200 || final.kind !== 'response') return wrong(told(final));
      return right(`Allow: ${icapList(final.response.headers, 'allow').join(', ') || '(absent)'}`);
    },
  },
  fromOptions(
    'transfer-default',
    'must',
    'has * in exactly one of its Transfer fields, if there are any',
    'RFC 3507 §4.10.2 (Note on Transfer-*)',
    'Clients disagree about files that no list names: some are previewed, some skip the scanner.',
    ({ headers }) => {
      const lists = TRANSFER.filter((name) => fieldValue(headers, name) !== undefined);
      if (lists.length === 0) return skip('no Transfer fields');
      const stars = lists.filter((name) => icapList(headers, name).includes('*'));
      return stars.length === 1
        ? right(`* in ${stars[0]!}`)
        : wrong(`* in ${stars.join(' and ') || 'none of them'}`);
    },
  ),
  fromOptions(
    'transfer-lists',
    'should',
    'lists each file extension once, without a dot',
    'RFC 3507 §4.10.2 (Transfer-*)',
    'Files of these types are not handled as the list intends.',
    ({ headers }) => {
      const all = TRANSFER.flatMap((name) => icapList(headers, name)).filter(
        (extension) => extension !== '*',
      );
      if (all.length === 0) return skip('no extensions listed');
      const odd = all.filter((it, index) => it.includes('.') || all.indexOf(it) !== index);
      return odd.length === 0
        ? right(`${all.length} extensions`)
        : wrong(`doubled or with a dot: ${odd.join(', ')}`);
    },
  ),
  fromOptions(
    'include',
    'should',
    'names in X-Include only fields that begin with X-',
    'draft-stecher-icap-subid-00 §5.1',
    'Clients do not send the identity of users, and the log of the server lacks it.',
    ({ headers }) => {
      const names = icapList(headers, 'x-include');
      if (names.length === 0) return skip('absent: no identity fields wanted');
      const odd = names.filter((name) => !isToken(name) || !name.startsWith('x-'));
      return odd.length === 0 ? right(names.join(', ')) : wrong(`not X- fields: ${odd.join(', ')}`);
    },
  ),
  fromOptions(
    'service',
    'info',
    'says in Service what it is',
    'RFC 3507 §4.10.2 (Service, Service-ID)',
    'Nobody can see from the client which product answers.',
    ({ headers }) => {
      const service = fieldValue(headers, 'service');
      return service === undefined ? skip('absent') : right(service);
    },
  ),
  {
    id: 'options.nothing-behind',
    group: 'options',
    level: 'must',
    needs: 'options',
    title: 'sends nothing behind the OPTIONS answer',
    clause: 'RFC 3507 §4.4, erratum 1',
    sends: `${BARE}; listens for 0.3 s after the answer.`,
    means: 'Clients take the stray bytes for the answer to their next request.',
    async run(context) {
      const { dialogue, final } = await context.exchange(context.options());
      const problem = problemOf(final);
      if (final.kind !== 'response') return wrong(problem!);
      const { bytes } = await dialogue.closesWithin(context.momentMs);
      return bytes === 0 ? right('nothing') : wrong(`${bytes} bytes`);
    },
  },
];

/** A check that looks at the answer to a bare OPTIONS request. */
function fromOptions(
  what: string,
  level: Check['level'],
  title: string,
  clause: string,
  means: string,
  judge: (answer: WireResponse) => Finding,
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const { final } = await context.bareOptions();
    return final.kind === 'response' ? judge(final.response) : skip(final.what);
  };
  return {
    ...{ id: `options.${what}`, group: 'options', level, needs: 'options', title, clause, means, run },
    sends: `${BARE} (asked once for all checks of the answer).`,
  };
}

function number(value: string | undefined, least: number, most: number): Finding {
  if (value === undefined) return skip('absent');
  const fits = /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most;
  return fits ? right(value) : wrong(`${value}, expected ${least} to ${most}`);
}

// Checks of the answer to EICAR, where it is blocked: one that clients, caches and users understand.
// RFC 3507 §4.8.2, draft-stecher-icap-subid-00 §4; K-62, V-56, G-27.

import { fieldValue } from '../../codec/fields.ts';
import type { CheckContext, Exchanged } from '../context.ts';
import { viewHttp } from '../http-view.ts';
import { right, skip, wrong } from '../judge.ts';
import { eicar } from '../samples.ts';
import { infected, noScanner, THREAT_FIELDS, threatFields, verdictOn } from '../scan.ts';
import type { Check, Finding, Level } from '../types.ts';

const INFECTION = /^Type=[0-2]; Resolution=[0-2]; Threat=[^;]+;$/;

export const blockPageChecks: readonly Check[] = [
  page('status', 'should', 'shows its block page with an error status', 'RFC 3507 §4.8.2; RFC 2616 §10.4', {
    means: 'Programs and caches take the block page for the file that they asked for.',
    judge: ({ status }) =>
      (status ?? 0) >= 300 ? right(`HTTP ${status}`) : wrong(`HTTP ${status ?? 'without status'}`),
  }),
  page('no-store', 'should', 'forbids caches to keep its block page', 'RFC 2616 §14.9.2', {
    means: 'A block page may be shown long after the file was cleaned or released.',
    judge: ({ headers }) => {
      const value = fieldValue(headers, 'cache-control') ?? '';
      const uncached = /no-store|no-cache|max-age=0/i.test(value);
      return uncached ? right(`Cache-Control: ${value}`) : wrong(`Cache-Control: ${value || '(absent)'}`);
    },
  }),
  page(
    'page-body',
    'should',
    'sends a block page with type, and with its right length',
    'RFC 2616 §7.2.1, §4.4',
    {
      means: 'Browsers show the source of the page, or wait for its end.',
      judge: ({ headers }, { final }) => {
        const bytes = final.kind === 'response' ? final.response.bodyBytes : 0;
        const length = fieldValue(headers, 'content-length');
        const type = fieldValue(headers, 'content-type');
        if (length !== undefined && Number(length) !== bytes)
          return wrong(`Content-Length: ${length}, the page has ${bytes}`);
        return type === undefined || bytes === 0
          ? wrong(`Content-Type: ${type ?? '(absent)'}, ${bytes} bytes`)
          : right(`${type}, ${bytes} bytes`);
      },
    },
  ),
  onBlock(
    'threat-named',
    'should',
    'names the threat in a field that clients know',
    'draft-stecher-icap-subid-00 §4',
    {
      means: 'Logs and mail scanners cannot tell a virus from any other refusal.',
      judge: (exchanged) => {
        const found = threatFields(exchanged);
        return found.length > 0
          ? right(found.join('; '))
          : wrong(`none of ${THREAT_FIELDS.slice(0, 4).join(', ')}`);
      },
    },
  ),
  onBlock(
    'infection-grammar',
    'should',
    'writes X-Infection-Found as its definition says',
    'draft-stecher-icap-subid-00 §4.5',
    {
      means: 'Clients do not find the name of the threat.',
      judge: ({ final }) => {
        const value =
          final.kind === 'response' ? fieldValue(final.response.headers, 'x-infection-found') : undefined;
        if (value === undefined) return skip('no X-Infection-Found');
        return INFECTION.test(value) ? right(value) : wrong(value);
      },
    },
  ),
];

interface BlockRule {
  readonly means: string;
  readonly judge: (exchanged: Exchanged) => Finding;
}

/** A check of the answer to EICAR, if that was blocked. */
function onBlock(
  what: string,
  level: Level,
  title: string,
  clause: string,
  { means, judge }: BlockRule,
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const exchanged = await infected(context);
    const obstacle = noScanner(context, verdictOn(exchanged, eicar()));
    return obstacle === null ? judge(exchanged) : skip(obstacle);
  };
  const sends = 'EICAR with `Allow: 204` (sent once for all checks of the block page).';
  return {
    id: `verdict.${what}`,
    group: 'verdict',
    level,
    needs: 'message',
    title,
    clause,
    sends,
    means,
    run,
  };
}

/** The same for the HTTP response in the answer. */
function page(
  what: string,
  level: Level,
  title: string,
  clause: string,
  rule: { means: string; judge: (view: ReturnType<typeof viewHttp>, exchanged: Exchanged) => Finding },
): Check {
  const judge = (exchanged: Exchanged): Finding => {
    const section = exchanged.final.kind === 'response' ? exchanged.final.response.httpHeader : null;
    if (section?.kind !== 'res-hdr') return wrong('no HTTP response in the answer');
    return rule.judge(viewHttp(section.bytes), exchanged);
  };
  return onBlock(what, level, title, clause, { means: rule.means, judge });
}

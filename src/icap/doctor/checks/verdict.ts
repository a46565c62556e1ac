// Checks of a scanner: does it find EICAR in clear, packed, behind a preview and in uploads, and does it
// let harmless content pass. EICAR is a harmless file that scanners report by agreement. V-10.

import type { CheckContext } from '../context.ts';
import { httpStatusOf, inStep, outcomeOf, problemOf, right, skip, told, wrong } from '../judge.ts';
import type { MessageParts } from '../message.ts';
import { eicar, gzipOf, text, zipOf } from '../samples.ts';
import { described, file, infected, noScanner, OWN_ANSWERS, verdictOn } from '../scan.ts';
import type { Check, Finding } from '../types.ts';

export const verdictChecks: readonly Check[] = [
  {
    id: 'verdict.clean',
    group: 'verdict',
    level: 'should',
    needs: 'message',
    title: 'lets a harmless file pass',
    clause: 'RFC 3507 §4.6',
    sends: 'A text of 2 KiB with `Allow: 204`.',
    means: 'Everything is blocked: users get nothing.',
    async run(context) {
      const exchanged = await context.exchange(file(context, text(2048), { allow: '204' }));
      const { kind } = outcomeOf(exchanged);
      if (kind === 'replaced' && (httpStatusOf(exchanged.final) ?? 500) < 300) return skip(OWN_ANSWERS);
      return kind === 'replaced' || kind === 'refused'
        ? wrong(`${kind}: ${told(exchanged.final)}`)
        : right(told(exchanged.final));
    },
  },
  {
    id: 'verdict.eicar',
    group: 'verdict',
    level: 'info',
    needs: 'message',
    title: 'finds EICAR',
    clause: 'EICAR anti-malware test file',
    sends: 'The 68 bytes of the EICAR test file with `Allow: 204`.',
    means: 'Nothing is scanned for viruses here.',
    async run(context) {
      const exchanged = await infected(context);
      const verdict = verdictOn(exchanged, eicar());
      if (verdict === 'failed') return wrong(told(exchanged.final));
      const obstacle = noScanner(context, verdict);
      return obstacle === null ? right(described(exchanged)) : skip(obstacle);
    },
  },
  scan(
    'eicar-gzip',
    'finds EICAR in a gzip content coding',
    'EICAR in gzip, with `Content-Encoding: gzip`.',
    {
      means: 'Compressed responses, which most of the web is, pass unscanned.',
      sample: () => gzipOf(eicar()),
      extra: 'Content-Encoding: gzip\r\n',
    },
  ),
  scan('eicar-zip', 'finds EICAR in a ZIP archive', 'EICAR as the only member of a ZIP archive.', {
    means: 'Viruses in archives pass.',
    sample: () => zipOf('eicar.com', eicar()),
    type: 'application/zip',
  }),
  scan(
    'eicar-preview',
    'finds EICAR behind a preview of 0 bytes',
    'EICAR with `Preview: 0`; follows 100 Continue.',
    {
      means: 'With preview switched on nothing is scanned: switch preview off for this server.',
      sample: eicar,
      parts: { preview: 0 },
    },
  ),
  scan(
    'eicar-ieof',
    'finds EICAR within a preview',
    'EICAR with a preview that holds it whole (`0; ieof`).',
    {
      means: 'Small files pass unscanned when the client uses preview: switch preview off for this server.',
      sample: eicar,
      parts: { preview: 1024 },
    },
  ),
  scan('eicar-no-204', 'finds EICAR when 204 is not allowed', 'EICAR without `Allow: 204`.', {
    means: 'Clients that do not offer 204 are not protected.',
    sample: eicar,
    parts: { fields: [] },
  }),
  {
    id: 'verdict.upload',
    group: 'verdict',
    level: 'should',
    needs: 'message',
    title: 'answers an infected upload with an HTTP response of its own',
    clause: 'RFC 3507 §4.8.2',
    sends: 'REQMOD with POST of EICAR and `Allow: 204`.',
    means: 'Infected uploads reach the origin, or users see an error without reason.',
    async run(context) {
      if (!context.facts.methods.includes('REQMOD')) return skip('the service has no REQMOD');
      const obstacle = noScanner(context, verdictOn(await infected(context), eicar()));
      if (obstacle !== null) return skip(obstacle);
      const exchanged = await context.exchange(file(context, eicar(), { allow: '204' }, {}, 'REQMOD'));
      const { final } = exchanged;
      if (verdictOn(exchanged, eicar()) !== 'blocked') return wrong(`let through: ${told(final)}`);
      const kind = final.kind === 'response' ? final.response.httpHeader?.kind : undefined;
      return kind === 'res-hdr' ? right(described(exchanged)) : wrong('blocked, but the answer is a request');
    },
  },
  {
    id: 'verdict.in-step',
    group: 'verdict',
    level: 'must',
    needs: 'message',
    title: 'is ready for the next request after a block',
    clause: 'RFC 3507 §4.1, §6.2 (1004); erratum 7',
    sends: 'EICAR with `Allow: 204`, then OPTIONS on the same connection.',
    means: 'The request after a blocked one fails.',
    async run(context) {
      const exchanged = await context.exchange(file(context, eicar(), { allow: '204' }));
      const obstacle = noScanner(context, verdictOn(exchanged, eicar()));
      if (obstacle !== null) return skip(obstacle);
      return inStep(exchanged.dialogue, exchanged.final, context.options());
    },
  },
];

interface ScanSample {
  readonly means: string;
  readonly sample: () => Buffer;
  readonly type?: string;
  readonly extra?: string;
  readonly parts?: MessageParts;
}

/** A check that a scanner which finds EICAR in clear finds it here too. */
function scan(what: string, title: string, sends: string, it: ScanSample): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const obstacle = noScanner(context, verdictOn(await infected(context), eicar()));
    if (obstacle !== null) return skip(obstacle);
    const { parts = { allow: '204' }, type = 'application/octet-stream', extra = '' } = it;
    if (parts.preview !== undefined && context.facts.preview === null) return skip('no preview offered');
    const sample = it.sample();
    const exchanged = await context.exchange(file(context, sample, parts, { type, extra }));
    const verdict = verdictOn(exchanged, sample);
    if (verdict === 'failed') return wrong(problemOf(exchanged.final) ?? told(exchanged.final));
    return verdict === 'blocked'
      ? right(described(exchanged))
      : wrong(`let through: ${told(exchanged.final)}`);
  };
  const clause = 'EICAR anti-malware test file';
  return {
    id: `verdict.${what}`,
    group: 'verdict',
    level: 'should',
    needs: 'message',
    title,
    clause,
    sends,
    means: it.means,
    run,
  };
}

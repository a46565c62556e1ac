// The anti-virus blade: YARA rules in worker threads, and clamd where one is configured. A find by either
// blocks; content that could not be inspected is judged by `onUnscannable` and never passes unmentioned.

import path from 'node:path';
import { definePlugin, type Blade, type BladeBody, type BladeMessage } from 'weir';
import { decodeContent, Ledger, parseCodings } from 'weir/detect';
import { Clamd } from './clamd.ts';
import { ClamdVersion } from './clamd-version.ts';
import { optionsSchema, type AntivirusOptions } from './options.ts';
import { hashRules, readRules } from './rules-folder.ts';
import { Scanner } from './scanner.ts';
import { blockHit, blockSignature, judgeTroubles } from './verdict.ts';

export default definePlugin<AntivirusOptions>({
  name: 'antivirus',
  version: '0.1.0',
  options: optionsSchema,
  async setup({ options, folder, log, blade, watch }) {
    for (const rules of options.rules) watch(path.resolve(rules));
    const own = await readRules([path.join(folder, 'rules')]);
    const users = await readRules(options.rules);
    const scanner = await Scanner.open(own, users, options);
    const settings = JSON.stringify([options.budget, options.onUnscannable]);
    const rulesHash = hashRules([...own, ...users], settings);
    if (options.clamd === null) {
      blade(createBlade(scanner, null, null, options, () => rulesHash));
      return;
    }
    const clamd = new Clamd(options.clamd);
    const version = await ClamdVersion.watch(clamd, log, options.clamd.versionInterval);
    const fingerprint = (): string => hashRules([], rulesHash, version.current);
    blade(createBlade(scanner, clamd, version, options, fingerprint));
  },
});

function createBlade(
  scanner: Scanner,
  clamd: Clamd | null,
  version: ClamdVersion | null,
  options: AntivirusOptions,
  fingerprint: () => string,
): Blade {
  return {
    name: 'antivirus',
    judges: 'content',
    fingerprint,
    async inspect(message: BladeMessage, signal: AbortSignal) {
      if (message.body === null || message.body.size === 0) return judgeTroubles([], options.onUnscannable);
      const { hit, troubles } = await scanner.scan(message, signal);
      if (hit !== null) return blockHit(hit);
      if (clamd === null) return judgeTroubles(troubles, options.onUnscannable);

      const signature = await scanByClamd(clamd, message, message.body, options, signal);
      if (signature !== null) return blockSignature(signature);
      // clamd opens formats that the embedded engine does not.
      const left = troubles.filter(({ kind }) => kind !== 'unsupported');
      return judgeTroubles(left, options.onUnscannable);
    },
    close: () => {
      version?.close();
      return scanner.close();
    },
  };
}

/** clamd knows no Content-Encoding: it gets the body decoded, as far as it decodes. */
async function scanByClamd(
  clamd: Clamd,
  message: BladeMessage,
  body: BladeBody,
  options: AntivirusOptions,
  signal: AbortSignal,
): Promise<string | null> {
  const codings = parseCodings(message.header('content-encoding'));
  // The outcome of decoding is known from the embedded engine, which went by the same budget.
  const content = decodeContent(body.stream(), codings, new Ledger(options.budget));
  return clamd.scan(content, signal);
}

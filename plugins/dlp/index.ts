// Data loss prevention: looks for card and account numbers, identity numbers, words, and passages of
// protected documents in what clients send: bodies, forms, query strings, archives and office files. Blocks
// or logs. What it reports never holds the find itself: at most the last four digits of a card or account.

import { createHash } from 'node:crypto';
import path from 'node:path';
import {
  allow,
  definePlugin,
  PluginError,
  type Blade,
  type BladeMessage,
  type PluginLogger,
  type Verdict,
} from 'weir';
import { isPlain, memorySource, multipartBoundary, parseCodings } from 'weir/detect';
import { DETECTORS, type DetectorName } from './detectors.ts';
import { readFingerprints } from './fingerprint-file.ts';
import { FingerprintIndex, type ProtectedDocument } from './fingerprints.ts';
import { optionsSchema, type DlpOptions } from './options.ts';
import { scanMessage, type ScanResult, type ScanRules, type ScanSubject } from './scan.ts';
import { ScanThread } from './scan-thread.ts';
import { judge, type Find } from './verdict.ts';

/** Largest body scanned in the event loop, where that takes under two milliseconds. */
const INLINE_BYTES = 16 * 1024;
/** With more fingerprints than that even their index is made in the thread alone. */
const INLINE_FINGERPRINTS = 10_000;

export default definePlugin<DlpOptions>({
  name: 'dlp',
  version: '0.1.0',
  options: optionsSchema,
  async setup({ options, log, blade, watch }) {
    const files = options.fingerprints.files.map((file) => path.resolve(file));
    for (const file of files) watch(file);
    const documents: ProtectedDocument[] = [];
    for (const file of files) {
      try {
        documents.push(...(await readFingerprints(file)));
      } catch (error) {
        throw new PluginError(
          'ERR_PLUGIN_OPTIONS',
          `dlp fingerprints: ${(error as Error).message}`,
          {},
          error,
        );
      }
    }
    blade(createBlade(options, documents, log));
  },
});

function createBlade(options: DlpOptions, documents: readonly ProtectedDocument[], log: PluginLogger): Blade {
  const total = documents.reduce((sum, { hashes }) => sum + hashes.length, 0);
  const inline = total <= INLINE_FINGERPRINTS;
  const common = {
    numbers: Object.keys(options.numbers) as DetectorName[],
    keywords: options.keywords,
    minFingerprints: options.fingerprints.min,
    budget: options.budget,
  };
  const rules: ScanRules = { ...common, fingerprints: new FingerprintIndex(inline ? documents : []) };
  const thread = new ScanThread({ ...common, documents }, options.maxQueue);
  const hash = createHash('sha256').update(JSON.stringify(options));
  for (const { name, hashes } of documents) hash.update(`${name}\n`).update(hashes);
  const fingerprint = hash.digest('hex');

  return {
    name: 'dlp',
    fingerprint: () => fingerprint,
    async inspect(message, signal) {
      if (!options.directions.includes(message.direction)) return allow();
      const result = await scan(message, rules, inline, thread, signal);
      return result === null ? allow() : verdictOf(result, options, message, log);
    },
    close: () => thread.close(),
  };
}

async function scan(
  message: BladeMessage,
  rules: ScanRules,
  inline: boolean,
  thread: ScanThread,
  signal: AbortSignal,
): Promise<ScanResult | null> {
  const body = message.body?.size === 0 ? null : message.body;
  const query = message.direction === 'request' ? queryOf(message.url) : '';
  if (body === null && query === '') return null;
  const contentEncoding = message.header('content-encoding');
  const contentType = message.header('content-type');
  const subject: ScanSubject = { query, contentEncoding, contentType };
  if (body === null) return scanMessage(subject, null, rules, signal);

  const { memory, file } = body;
  if (memory !== null && inline && memory.length <= INLINE_BYTES) {
    const plain = parseCodings(contentEncoding).length === 0 && multipartBoundary(contentType) === null;
    if (plain && isPlain(memory)) return scanMessage(subject, memorySource(memory), rules, signal);
  }
  const content = memory ?? file;
  if (content === null) throw new PluginError('ERR_PLUGIN_FAILED', 'body is neither in memory nor in a file');
  return thread.scan(subject, content, signal);
}

function queryOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? '' : url.slice(mark + 1);
}

function verdictOf(
  result: ScanResult,
  options: DlpOptions,
  message: BladeMessage,
  log: PluginLogger,
): Verdict {
  const finds: Find[] = [];
  const add = (find: Find): void => void finds.push({ ...find, place: masked(find.place) });
  for (const { name, count, ending, path: place } of result.numbers) {
    const { min = Infinity, action = 'log' } = options.numbers[name] ?? {};
    if (count < min) continue;
    const [one, many] = DETECTORS.find((detector) => detector.name === name)!.title;
    const shown =
      ending === '' ? '' : count === 1 ? ` ending in ${ending}` : `, the first ending in ${ending}`;
    add({
      name,
      text: `${count} ${count === 1 ? one : many}${shown}`,
      place,
      action,
      severity: 'high',
    });
  }
  for (const { name, path: place } of result.keywords) {
    const action = options.keywords.find((list) => list.name === name)?.action ?? 'log';
    add({
      name: `keywords ${name}`,
      text: `words of the list "${name}"`,
      place,
      action,
      severity: 'medium',
    });
  }
  for (const { name, path: place } of result.documents) {
    const { action } = options.fingerprints;
    add({
      name: 'document',
      text: `a passage of the document "${name}"`,
      place,
      action,
      severity: 'high',
    });
  }
  for (const { name, text, place, action } of finds) {
    if (action === 'block') continue;
    const { user, ip } = message.client;
    log.warn(
      { find: name, user, ip, method: message.method, host: hostOf(message.url) },
      `passed with ${text}, in ${place || 'the content'}`,
    );
  }
  return judge(finds, result.troubles, options.onUnscannable);
}

/** A file may be called by the number that is in it. */
function masked(place: string): string {
  return place.replace(/\d(?:[ -]?\d){7,}/g, '…');
}

/** The query of a URL may hold what was found, so that no log gets it. */
function hostOf(url: string): string {
  return /^[a-z+]+:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '';
}

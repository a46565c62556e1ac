// The URL filter: judges requests (REQMOD, CONNECT included) by the categories that their host or URL is
// listed in, by who asks and when. The plainest kind of blade: it looks at the head alone and mostly says
// block or allow. Which lists to use is the user's choice; none are shipped.

import { createHash } from 'node:crypto';
import path from 'node:path';
import {
  allow,
  block,
  definePlugin,
  type Blade,
  type BladeMessage,
  type PluginLogger,
  type Verdict,
} from 'weir';
import { loadLists, type Lists } from './load.ts';
import { optionsSchema, type FilterRule, type UrlFilterOptions } from './options.ts';
import { requestUrl, type RequestUrl } from './request-url.ts';
import { enforceSafeSearch } from './safe-search.ts';
import { isWithin } from './schedule.ts';

export default definePlugin<UrlFilterOptions>({
  name: 'url-filter',
  version: '0.1.0',
  options: optionsSchema,
  async setup({ options, log, blade, watch }) {
    const categories = Object.entries(options.categories).map(([name, category]) => ({
      ...category,
      name,
      lists: category.lists.map((file) => path.resolve(file)),
    }));
    for (const file of categories.flatMap(({ lists }) => lists)) watch(file);
    const { maxEntries, maxPatterns } = options;
    const lists = await loadLists({ categories, maxEntries, maxPatterns });
    for (const report of lists.report) {
      const { name, entries, leftOut } = report;
      log.info({ category: name, entries, leftOut }, `category ${name}: ${entries} entries`);
      if (leftOut.options + leftOut.regex + leftOut.unreadable > 0) {
        const text =
          `category ${name}: without effect: ${leftOut.options} rules with options such as third-party, ` +
          `${leftOut.regex} regular expressions, ${leftOut.unreadable} lines that are no entries`;
        log.warn({ category: name, leftOut }, text);
      }
    }
    blade(createBlade(lists, options, log));
  },
});

function createBlade(lists: Lists, options: UrlFilterOptions, log: PluginLogger): Blade {
  const names = Object.keys(options.categories);
  const constant = createHash('sha256')
    .update(`${lists.hash}\n${JSON.stringify(options)}`)
    .digest('hex');
  return {
    name: 'url-filter',
    /** Changes with the lists and where a rule's time begins or ends. */
    fingerprint: () => {
      const now = Date.now();
      const timed = options.rules.filter((rule) => rule.when !== null);
      return `${constant} ${timed.map((rule) => (isWithin(rule.when!, now) ? 1 : 0)).join('')}`;
    },
    inspect: (message) => judge(message, lists, names, options, log),
  };
}

function judge(
  message: BladeMessage,
  lists: Lists,
  names: readonly string[],
  options: UrlFilterOptions,
  log: PluginLogger,
): Verdict {
  if (message.direction !== 'request') return allow();
  const asked = requestUrl(message.method, message.url);
  if (asked === null) return allow('url');
  const listed = categoriesOf(asked, lists, names);
  for (const rule of options.rules) {
    const category = matchOf(rule, listed, message);
    if (category === null) continue;
    if (rule.action === 'allow') break;
    if (rule.action === 'block') {
      const reason =
        category === '' ? `${asked.host} is blocked by a rule` : `${asked.host} is listed as ${category}`;
      return block({ threat: `URL:${category === '' ? 'rule' : category}`, severity: 'low', reason });
    }
    const { user, ip } = message.client;
    log.info({ host: asked.host, category, user, ip }, `request to ${asked.host} (${category || 'any'})`);
  }
  if (options.safeSearch.length === 0 || asked.url === null || message.request === null) return allow();
  const { safeSearch, youtube } = options;
  return enforceSafeSearch(asked.url, asked.host, message.request, safeSearch, youtube) ?? allow();
}

/** Names of the categories that list the URL and have no exception for it. */
function categoriesOf(asked: RequestUrl, lists: Lists, names: readonly string[]): string[] {
  const found = new Set<number>();
  lists.table.find(asked.host, asked.path, found);
  if (asked.lower !== null) lists.patterns.find(asked.lower, found);
  if (found.size === 0) return [];
  return names.filter((_, number) => found.has(2 * number) && !found.has(2 * number + 1));
}

/** The category that the rule is for here, `''` for a rule about every URL; null where it does not match. */
function matchOf(rule: FilterRule, listed: readonly string[], { client }: BladeMessage): string | null {
  const category = rule.categories === null ? '' : rule.categories.find((name) => listed.includes(name));
  if (category === undefined) return null;
  if (rule.users !== null && (client.user === null || !rule.users.includes(client.user))) return null;
  if (rule.groups !== null && !rule.groups.some((group) => client.groups.includes(group))) return null;
  if (rule.when !== null && !isWithin(rule.when, Date.now())) return null;
  return category;
}

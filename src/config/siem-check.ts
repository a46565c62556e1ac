// What entries of log.syslog and webhooks must agree on, on the configuration as written; check.ts calls it.

import type { ConfigPath, UnplacedProblem } from './problems.ts';
import { shown } from './problems.ts';

type Tree = Readonly<Record<string, unknown>>;

/** Problems of `log.syslog` and `webhooks`. */
export function checkSiem(raw: unknown): UnplacedProblem[] {
  return [
    ...checkSyslog(list(tree(tree(raw)['log'])['syslog'])),
    ...checkWebhooks(list(tree(raw)['webhooks'])),
  ];
}

function checkSyslog(targets: readonly unknown[]): UnplacedProblem[] {
  return targets.flatMap((target, index) => {
    const path = ['log', 'syslog', index];
    const { url, tls } = tree(target);
    const { cert = null, key = null } = tree(tls);
    const problems: UnplacedProblem[] = [];
    if ((cert === null) !== (key === null)) {
      const [given, missing] = cert === null ? ['key', 'cert'] : ['cert', 'key'];
      const message = `needs tls.${missing} as well: a certificate and its key go together`;
      problems.push(problem([...path, 'tls', given], message, 'cert and key, or neither', cert ?? key));
    }
    if (tls != null && typeof url === 'string' && !url.startsWith('tls:')) {
      problems.push(problem([...path, 'tls'], 'has no effect without tls://', 'a tls:// URL', url));
    }
    return problems;
  });
}

/** Two that share a folder would deliver each other's messages. */
function checkWebhooks(hooks: readonly unknown[]): UnplacedProblem[] {
  const seen = new Set<unknown>();
  return hooks.flatMap((hook, index) => {
    const { name } = tree(hook);
    if (typeof name !== 'string') return [];
    const isTwice = seen.has(name);
    seen.add(name);
    const message = 'is the name of another webhook as well: rename one of them';
    return isTwice ? [problem(['webhooks', index, 'name'], message, 'a name of its own', name)] : [];
  });
}

function problem(path: ConfigPath, message: string, allowed: string, found: unknown): UnplacedProblem {
  return { code: 'ERR_CONFIG_VALUE', path, message, allowed, found: shown(found), suggestion: null };
}

function tree(value: unknown): Tree {
  return typeof value === 'object' && value !== null ? (value as Tree) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

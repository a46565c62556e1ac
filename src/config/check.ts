// What keys must agree on with each other: names that refer to something, circles. Works on the configuration as written, before the schema has accepted it, so that one
// run reports everything; whatever has the wrong shape is skipped here, the schema reports it.

import { checkAccess } from './access-check.ts';
import { nearest } from '../util/nearest.ts';
import { shown, type ConfigPath, type UnplacedProblem } from './problems.ts';
import { baseOf, BUILT_IN_PROFILES } from './profiles.ts';
import { BUILT_IN_SERVICES, DEFAULT_SERVICE } from './resolve.ts';
import { checkRule } from './rules-check.ts';
import { checkSiem } from './siem-check.ts';
import { checkTlsRules } from './tls-rules.ts';

type Tree = Readonly<Record<string, unknown>>;

/** Problems that no single value shows. */
export function crossCheck(raw: unknown): UnplacedProblem[] {
  return [
    ...checkAdaptation(at(raw, 'adaptation')),
    ...checkGateway(at(raw, 'gateway'), at(raw, 'profiles')),
    ...checkProfiles(at(raw, 'profiles')),
    ...checkAccess(at(raw, 'proxy')),
    ...checkTlsRules(at(at(raw, 'proxy'), 'tls')['rules']),
    ...checkSiem(raw),
  ];
}

function checkAdaptation(adaptation: Tree): UnplacedProblem[] {
  const problems: UnplacedProblem[] = checkServiceTls(at(adaptation, 'services'));
  const services = [...new Set([DEFAULT_SERVICE, ...Object.keys(at(adaptation, 'services'))])];
  const groups = at(adaptation, 'groups');
  for (const name of Object.keys(groups)) {
    const path = ['adaptation', 'groups', name];
    if (services.includes(name)) {
      const message = 'is the name of a service as well: rename one of them';
      problems.push(problem(path, message, { allowed: 'a name that no service has', found: shown(name) }));
    }
    problems.push(...checkNames([...path, 'services'], at(groups, name)['services'], services, 'service'));
  }
  const usable = [...services, ...Object.keys(groups)];
  for (const [index, rule] of list(adaptation['rules']).entries()) {
    const path = ['adaptation', 'rules', index, 'use'];
    problems.push(...checkNames(path, tree(rule)['use'], usable, 'service or group'));
    problems.push(...checkRule(tree(rule), ['adaptation', 'rules', index]));
  }
  return problems;
}

/** A certificate without its key, or the other way round, would silently be none. */
function checkServiceTls(services: Tree): UnplacedProblem[] {
  return Object.keys(services).flatMap((name) => {
    const { cert = null, key = null } = at(at(services, name), 'tls');
    if ((cert === null) === (key === null)) return [];
    const missing = cert === null ? 'cert' : 'key';
    const path = ['adaptation', 'services', name, 'tls', cert === null ? 'key' : 'cert'];
    const message = `needs tls.${missing} as well: a certificate and its key go together`;
    return [problem(path, message, { allowed: 'cert and key, or neither', found: shown(cert ?? key) })];
  });
}

function checkGateway(gateway: Tree, profiles: Tree): UnplacedProblem[] {
  const problems: UnplacedProblem[] = [];
  const known = profileNames(profiles);
  for (const [name, service] of Object.entries(at(gateway, 'services'))) {
    problems.push(...checkServiceRules(name, list(tree(service)['rules']), known));
    const path = ['gateway', 'services', name, 'profile'];
    const profile = tree(service)['profile'];
    if (typeof profile !== 'string') continue;
    if (name !== DEFAULT_SERVICE && BUILT_IN_SERVICES.includes(name)) {
      const message = `has no effect: ${name} does not scan; remove it`;
      problems.push(problem(path, message, { allowed: 'no profile', found: shown(profile) }));
    } else {
      problems.push(...checkNames(path, [profile], known, 'profile').map((found) => ({ ...found, path })));
    }
  }
  problems.push(...checkWorkers(at(gateway, 'workers')));
  return problems;
}

/** A rule without networks decides for everybody: what stands behind it is never read. */
function checkServiceRules(
  service: string,
  rules: readonly unknown[],
  known: readonly string[],
): UnplacedProblem[] {
  if (rules.length > 0 && service !== DEFAULT_SERVICE && BUILT_IN_SERVICES.includes(service)) {
    const message = `has no effect: ${service} does not scan; remove it`;
    const path = ['gateway', 'services', service, 'rules'];
    return [problem(path, message, { allowed: 'no rules', found: shown(rules) })];
  }
  return rules.flatMap((rule, index) => {
    const path = ['gateway', 'services', service, 'rules', index];
    const { icapClients, clients, profile } = tree(rule);
    const problems: UnplacedProblem[] = [];
    if (typeof profile === 'string') {
      const at = [...path, 'profile'];
      problems.push(...checkNames(at, [profile], known, 'profile').map((found) => ({ ...found, path: at })));
    }
    if (list(icapClients).length === 0 && list(clients).length === 0) {
      const message =
        'is for nobody in particular: name icapClients or clients, or use `profile` of the service';
      problems.push(problem(path, message, { allowed: 'icapClients or clients', found: 'neither' }));
    }
    return problems;
  });
}

/** Each pair is `[lower key, its default, upper key, its default]`; defaults as in schema.ts. */
const WORKER_BOUNDS = [
  ['min', 3, 'max', 10],
  ['minSpare', 10, 'maxSpare', 20],
] as const;

function checkWorkers(workers: Tree): UnplacedProblem[] {
  return WORKER_BOUNDS.flatMap(([lower, lowest, upper, most]) => {
    const least = workers[lower] ?? lowest;
    const found = workers[upper] ?? most;
    if (typeof least !== 'number' || typeof found !== 'number' || least <= found) return [];
    const path = ['gateway', 'workers', upper in workers ? upper : lower];
    if (upper in workers) {
      const message = `expected at least gateway.workers.${lower} (${least}), got ${found}`;
      return [problem(path, message, { allowed: `${least} or more`, found: `${found}` })];
    }
    const message = `expected at most gateway.workers.${upper} (${found}), got ${least}`;
    return [problem(path, message, { allowed: `${found} or less`, found: `${least}` })];
  });
}

function checkProfiles(profiles: Tree): UnplacedProblem[] {
  const problems: UnplacedProblem[] = [];
  const known = profileNames(profiles);
  for (const name of Object.keys(profiles)) {
    const path = ['profiles', name, 'base'];
    const base = at(profiles, name)['base'];
    if (typeof base === 'string') {
      problems.push(...checkNames(path, [base], known, 'profile').map((found) => ({ ...found, path })));
    }
    const message = faultOfBases(name, profiles);
    if (message === null) continue;
    problems.push(
      problem(path, message, { allowed: 'a profile that does not build on this one', found: shown(base) }),
    );
  }
  return problems;
}

const MAX_BASES = 16; // profiles that one profile builds on, directly and indirectly

/** What is wrong with the chain of bases that begins at a profile. */
function faultOfBases(name: string, profiles: Tree): string | null {
  const chain = [name];
  let link = name;
  while (Object.hasOwn(profiles, link)) {
    const base = at(profiles, link)['base'];
    const next = baseOf(link, typeof base === 'string' ? base : undefined);
    if (next === link && BUILT_IN_PROFILES.has(link)) return null;
    if (next === name) return `forms a circle: ${[...chain, next].join(', ')}`;
    if (chain.includes(next)) return null; // a circle further on, reported at the profiles that form it
    if (chain.length > MAX_BASES) return `builds on more than ${MAX_BASES} profiles`;
    chain.push(next);
    link = next;
  }
  return null;
}

function checkNames(
  path: ConfigPath,
  names: unknown,
  known: readonly string[],
  what: string,
): UnplacedProblem[] {
  return list(names).flatMap((name, index) => {
    if (typeof name !== 'string' || known.includes(name)) return [];
    const message = `no ${what} is named ${shown(name)}`;
    const allowed = known.join(', ');
    return [
      problem([...path, index], message, { allowed, found: shown(name), suggestion: nearest(name, known) }),
    ];
  });
}

function problem(
  path: ConfigPath,
  message: string,
  details: { allowed: string; found: string; suggestion?: string | null },
): UnplacedProblem {
  return { code: 'ERR_CONFIG_VALUE', path, message, suggestion: null, ...details };
}

function profileNames(profiles: Tree): string[] {
  return [...new Set([...BUILT_IN_PROFILES.keys(), ...Object.keys(profiles)])];
}

function tree(value: unknown): Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};
}

function at(value: unknown, key: string): Tree {
  return tree(tree(value)[key]);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

// proxy.tls with what it names: the lists of hosts, read without keeping anybody waiting, and what was learned
// of clients that reject our certificates. A reload reads only the lists that have changed.

import { stat } from 'node:fs/promises';
import type { TlsRule as WrittenRule } from '../config/tls-rules.ts';
import type { ProxyConfig } from '../config/types.ts';
import type { HostList } from '../proxy/tls-policy/host-list.ts';
import { readHostList } from '../proxy/tls-policy/host-list.ts';
import type { TlsRule } from '../proxy/tls-policy/rules.ts';
import { SelfHealing } from '../proxy/tls-policy/self-healing.ts';
import { spliceFileIn } from '../proxy/tls-policy/splice-file.ts';
import type { Telemetry } from '../telemetry/records.ts';

interface ReadList {
  /** Differs when the file has changed. */
  readonly signature: string;
  readonly list: HostList;
}

export interface TlsPart {
  readonly rules: readonly TlsRule[];
  /** By path. */
  readonly lists: ReadonlyMap<string, ReadList>;
  readonly selfHealing: SelfHealing;
  /** Lists that were in use before and have changed since. */
  readonly changed: readonly string[];
  /** Takes over the settings of self-healing; rules are the arrangement's. */
  apply(): void;
}

/**
 * Reads what the rules name.
 * @param before  what is in force, or null at the start
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE`: a list of hosts
 */
export async function makeTlsPart(
  { certs, tls }: Pick<ProxyConfig, 'certs' | 'tls'>,
  before: TlsPart | null,
  telemetry: Telemetry,
): Promise<TlsPart> {
  const lists = new Map<string, ReadList>();
  const changed: string[] = [];
  for (const path of new Set(tls.rules.flatMap((rule) => rule.lists ?? []))) {
    const signature = await signatureOf(path);
    const known = before?.lists.get(path);
    const isSame = known !== undefined && signature !== null && known.signature === signature;
    if (known !== undefined && !isSame) changed.push(path);
    lists.set(path, isSame ? known : { signature: signature ?? '', list: await readHostList(path) });
  }
  const settings = { ...tls.selfHealing, strict: tls.strict };
  const file = spliceFileIn(certs);
  const selfHealing =
    before?.selfHealing.file === file ? before.selfHealing : new SelfHealing(file, settings, telemetry);
  return {
    rules: tls.rules.map((rule) => compiled(rule, lists)),
    lists,
    selfHealing,
    changed,
    apply: () => {
      selfHealing.configure(settings);
      if (before !== null && before.selfHealing !== selfHealing) before.selfHealing.close();
    },
  };
}

async function signatureOf(path: string): Promise<string | null> {
  const facts = await stat(path).catch(() => null);
  return facts === null ? null : `${facts.ino} ${facts.size} ${facts.mtimeMs} ${facts.ctimeMs}`;
}

function compiled(rule: WrittenRule, read: ReadonlyMap<string, ReadList>): TlsRule {
  const { lists, ips, clients, ...rest } = rule;
  return {
    ...rest,
    ...(lists === undefined ? {} : { lists: lists.map((path) => ({ path, list: read.get(path)!.list })) }),
    ...(ips === undefined ? {} : { ips: ips.map(cidr) }),
    ...(clients === undefined ? {} : { clients: clients.map(cidr) }),
  };
}

function cidr({ address, prefix }: { readonly address: string; readonly prefix: number }): string {
  return `${address}/${prefix}`;
}

// Which profile a message is scanned with: the rules of a service by the ICAP client that sends it and the
// user behind that, in order. An ICAP client sees one ISTag, made of all profiles that it may meet, so that
// what it keeps of answers goes whenever one of these changes. G-03, G-21, S-16.

import type { BlockList } from 'node:net';
import { isAllowed, networks } from '../util/networks.ts';
import type { Identity } from './identity.ts';
import type { InspectionProfile } from './inspection.ts';

/** As in gateway.services.*.rules; an empty list says nothing. */
export interface ProfileRule {
  /** Addresses and CIDRs of ICAP clients; the co-located proxy is 127.0.0.1. */
  readonly icapClients: readonly string[];
  /** Of the users behind them, where X-Client-IP is believed. */
  readonly clients: readonly string[];
  readonly profile: InspectionProfile;
}

interface Choice<T> {
  /** Null: everybody. */
  readonly icapClients: BlockList | null;
  readonly clients: BlockList | null;
  readonly value: T;
}

/** What one ICAP client may meet, in the order in which it is decided. */
export interface View<T> {
  readonly choices: readonly Choice<T>[];
  /** All values of the choices; never empty. */
  readonly values: readonly T[];
}

const CO_LOCATED = '127.0.0.1';

export class ProfileChoice<T> {
  readonly #choices: readonly Choice<T>[];
  /** By the numbers of the rules that are for an ICAP client. */
  readonly #views = new Map<string, View<T>>();
  readonly #whole: View<T>;

  /**
   * @param make  makes the value of a profile; once for each
   * @throws {ConfigError} `ERR_CONFIG_VALUE` for what is no network
   */
  constructor(
    otherwise: InspectionProfile,
    rules: readonly ProfileRule[],
    make: (profile: InspectionProfile) => T,
  ) {
    const made = new Map<string, T>();
    const valueOf = (profile: InspectionProfile): T => {
      const value = made.get(profile.name) ?? make(profile);
      made.set(profile.name, value);
      return value;
    };
    const last: Choice<T> = { icapClients: null, clients: null, value: valueOf(otherwise) };
    const listOf = (entries: readonly string[]) => (entries.length === 0 ? null : networks(entries));
    this.#choices = [
      ...rules.map(({ icapClients, clients, profile }) => ({
        icapClients: listOf(icapClients),
        clients: listOf(clients),
        value: valueOf(profile),
      })),
      last,
    ];
    this.#whole = { choices: [last], values: [last.value] };
  }

  /** @param icapClient  address, `in-process`, or undefined: who is named by no rule */
  view(icapClient: string | undefined): View<T> {
    if (this.#choices.length === 1 || icapClient === undefined) return this.#whole;
    const address = icapClient === 'in-process' ? CO_LOCATED : icapClient;
    const choices: Choice<T>[] = [];
    let key = '';
    for (const [number, choice] of this.#choices.entries()) {
      if (choice.icapClients !== null && !isAllowed(choice.icapClients, address)) continue;
      choices.push(choice);
      key += `${number},`;
      if (choice.clients === null) break;
    }
    let view = this.#views.get(key);
    if (view === undefined) {
      view = { choices, values: [...new Set(choices.map(({ value }) => value))] };
      this.#views.set(key, view);
    }
    return view;
  }

  /** @param identify  who is behind the message, as far as it is believed; asked where a rule goes by it */
  choose(view: View<T>, identify: () => Identity): T {
    const { choices } = view;
    if (choices.length === 1) return choices[0]!.value;
    const { clientIp } = identify();
    for (const { clients, value } of choices) {
      if (clients === null || (clientIp !== null && isAllowed(clients, clientIp))) return value;
    }
    return choices.at(-1)!.value;
  }
}

// The addresses that one half listens on, and their change while it runs: added ones are opened before
// anything else changes, removed ones closed after it.

import type { AddressInfo } from 'node:net';
import type { ListenAddress } from '../config/addresses.ts';
import { messageOf } from '../errors.ts';
import { formatAuthority } from '../util/authority.ts';
import { sortedJson } from '../util/sorted-json.ts';

/** Whoever listens. */
export interface ListenerHost<L extends ListenAddress> {
  /** @throws {ConfigError} `ERR_LISTEN` and what else may be wrong with a listener */
  listen(listener: L): Promise<AddressInfo>;
  /** Stops listening; what is under way there is finished. */
  unlisten(address: AddressInfo): void;
}

interface Open<L> {
  readonly listener: L;
  /** Equal for listeners that are configured alike. */
  readonly key: string;
  readonly address: AddressInfo;
}

/** Exactly one of the two is called. */
export interface ListenerChange {
  /** @returns what could not be done, a sentence each */
  apply(): Promise<string[]>;
  discard(): void;
}

export class Listeners<L extends ListenAddress> {
  readonly #host: ListenerHost<L>;
  #open: Open<L>[] = [];

  constructor(host: ListenerHost<L>) {
    this.#host = host;
  }

  /** `host:port` of each, with the port that it really has. */
  get addresses(): string[] {
    return this.#open.map(({ listener, address }) => formatAuthority(listener.host, address.port));
  }

  /** Those that are open, with the port that each really has. */
  get opened(): { listener: L; port: number }[] {
    return this.#open.map(({ listener, address }) => ({ listener, port: address.port }));
  }

  get ports(): number[] {
    return this.#open.map(({ address }) => address.port);
  }

  /** Opens the first ones, in order. @throws {ConfigError} as `ListenerHost.listen` */
  async start(listeners: readonly L[]): Promise<void> {
    for (const listener of listeners) this.#open.push(await this.#listen(listener));
  }

  /**
   * Opens what is new. Where it has the port of one that goes, it has to wait until that one is closed.
   * @throws {ConfigError} as `ListenerHost.listen`; none of them is open then
   */
  async prepare(listeners: readonly L[]): Promise<ListenerChange> {
    const kept: Open<L>[] = [];
    const gone = [...this.#open];
    const missing: L[] = [];
    for (const listener of listeners) {
      const at = gone.findIndex(({ key }) => key === sortedJson(listener));
      if (at >= 0) kept.push(...gone.splice(at, 1));
      else missing.push(listener);
    }
    const mustWait = ({ port }: L): boolean =>
      port !== 0 && gone.some(({ listener }) => listener.port === port);
    const added: Open<L>[] = [];
    const discard = (): void => {
      for (const { address } of added) this.#host.unlisten(address);
    };
    try {
      for (const listener of missing) if (!mustWait(listener)) added.push(await this.#listen(listener));
    } catch (error) {
      discard();
      throw error;
    }
    return {
      discard,
      apply: async () => {
        this.#open = [...kept, ...added];
        for (const { address } of gone) this.#host.unlisten(address);
        return this.#reopen(missing.filter(mustWait), gone);
      },
    };
  }

  /** Opens addresses whose port was in use by one of ours; where that fails, what was there is opened again. */
  async #reopen(listeners: readonly L[], gone: readonly Open<L>[]): Promise<string[]> {
    const problems: string[] = [];
    for (const listener of listeners) {
      try {
        this.#open.push(await this.#listen(listener));
      } catch (error) {
        problems.push(messageOf(error));
        const before = gone.find((open) => open.listener.port === listener.port);
        const again = before === undefined ? null : await this.#listen(before.listener).catch(() => null);
        if (again !== null) this.#open.push(again);
      }
    }
    return problems;
  }

  async #listen(listener: L): Promise<Open<L>> {
    return { listener, key: sortedJson(listener), address: await this.#host.listen(listener) };
  }
}

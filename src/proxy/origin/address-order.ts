// In which order the addresses of a name are tried: both families in turn (RFC 8305 §4), those that failed
// lately last. Trying them is dial.ts.

import { isIPv6 } from 'node:net';

const REMEMBERED_MS = 30_000;
const MAX_REMEMBERED = 1000; // addresses

export class AddressOrder {
  readonly #failedUntil = new Map<string, number>();

  /** The same addresses as they are best tried. */
  arrange(addresses: readonly string[]): readonly string[] {
    if (addresses.length < 2) return addresses;
    const turns = inTurn(addresses);
    if (this.#failedUntil.size === 0) return turns;
    const now = performance.now();
    const failed = (address: string): boolean => (this.#failedUntil.get(address) ?? 0) > now;
    return [...turns.filter((address) => !failed(address)), ...turns.filter(failed)];
  }

  failed(address: string): void {
    this.#failedUntil.delete(address);
    this.#failedUntil.set(address, performance.now() + REMEMBERED_MS);
    if (this.#failedUntil.size > MAX_REMEMBERED) {
      this.#failedUntil.delete(this.#failedUntil.keys().next().value!);
    }
  }

  worked(address: string): void {
    if (this.#failedUntil.size > 0) this.#failedUntil.delete(address);
  }
}

/** The family of the first address begins, then each in turn. */
function inTurn(addresses: readonly string[]): string[] {
  const startsWith6 = isIPv6(addresses[0]!);
  const first = addresses.filter((address) => isIPv6(address) === startsWith6);
  const second = addresses.filter((address) => isIPv6(address) !== startsWith6);
  const turns: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    for (const family of [first, second]) if (i < family.length) turns.push(family[i]!);
  }
  return turns;
}

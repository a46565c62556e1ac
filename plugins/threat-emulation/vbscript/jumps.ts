// The labels and jumps of one procedure. A procedure that jumps becomes a loop around a switch whose cases are
// its labels: GoTo sets the case and goes round. An error is passed over, so that what comes after it shows,
// and the handler that was named for it runs when the procedure ends.

import type { Token } from './tokens.ts';

export class Jumps {
  readonly #numbers = new Map<string, number>();
  readonly #placed = new Set<number>();

  /** Null where nothing in the procedure's tokens jumps: it needs no switch. */
  static in(tokens: Iterable<Token>): Jumps | null {
    let jumps = false;
    let before = '';
    for (const { kind, value } of tokens) {
      jumps ||= before === 'goto' && (kind === 'name' || (kind === 'number' && value !== '0'));
      before = kind === 'name' ? value : '';
    }
    return jumps ? new Jumps() : null;
  }

  /** Number of the case of that label. */
  case(label: string): number {
    const number = this.#numbers.get(label) ?? this.#numbers.size + 1;
    this.#numbers.set(label, number);
    return number;
  }

  /** The label itself, which only the outermost block of a procedure can have. */
  place(label: string): string {
    const number = this.case(label);
    if (this.#placed.has(number)) return '';
    this.#placed.add(number);
    return `case ${number}:`;
  }

  go(label: string): string {
    return `{ $g = ${this.case(label)}; continue $goto; }`;
  }

  /** What a passed over error leaves for the end, with that label as handler. */
  fault(label: string): string {
    return `$f = $f || ${this.case(label)};`;
  }

  leave(): string {
    return `{ if ($f > 0) { $g = $f; $f = -1; continue $goto; } return $r; }`;
  }

  /** The whole body; null where a jump's label is not there. */
  around(body: string): string | null {
    if ([...this.#numbers.values()].some((number) => !this.#placed.has(number))) return null;
    return `var $g = 0, $f = 0;\n$goto: for (;;) { switch ($g) { case 0:\n${body}}\n${this.leave()} }\n`;
  }
}

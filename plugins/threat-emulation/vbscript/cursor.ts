// A place in a list of tokens, and the small steps of reading from there: what the next token is, taking it,
// demanding one.

import { UntranslatableError, type Token } from './tokens.ts';

export class Cursor {
  protected readonly tokens: readonly Token[];
  #at = 0;

  /** @param tokens  the last one is an `end` */
  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  get token(): Token {
    return this.tokens[this.#at]!;
  }

  protected get ended(): boolean {
    return this.token.kind === 'end';
  }

  get position(): number {
    return this.#at;
  }

  get atLast(): boolean {
    return this.#at >= this.tokens.length - 1;
  }

  get startsLine(): boolean {
    return this.#at === 0 || this.tokens[this.#at - 1]!.value === '\n';
  }

  get length(): number {
    return this.tokens.length;
  }

  slice(from: number, end: number): readonly Token[] {
    return this.tokens.slice(from, end);
  }

  peek(count: number): Token {
    return this.at(this.#at + count);
  }

  at(index: number): Token {
    return this.tokens[Math.min(Math.max(index, 0), this.tokens.length - 1)]!;
  }

  next(): void {
    if (!this.atLast) this.#at += 1;
  }

  rewind(position: number): void {
    this.#at = position;
  }

  fail(reason: string): never {
    throw new UntranslatableError(this.token.line, reason);
  }

  accept(value: string): boolean {
    if (this.token.value !== value || this.token.kind === 'string' || this.token.kind === 'number')
      return false;
    this.next();
    return true;
  }

  expect(value: string): void {
    if (!this.accept(value))
      this.fail(`expected ${value}, found ${this.token.value.trim() || 'the end of the line'}`);
  }

  name(): string {
    if (this.token.kind !== 'name')
      this.fail(`expected a name, found ${this.token.value.trim() || 'the end of the line'}`);
    const { value } = this.token;
    this.next();
    return value.replace(/[^\p{L}\p{N}_]/gu, '_');
  }

  type(): string {
    let type = this.name();
    while (this.accept('.')) type += `.${this.name()}`;
    return type;
  }
}

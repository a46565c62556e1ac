// Reads expressions of VBScript and VBA with their precedence and writes them as JavaScript: what is a
// variable, a call or an index shows only at run time, so the library decides. Keeps the names of a source.

import { Cursor } from './cursor.ts';

/** What can be called or assigned to; `args` and `of` where they are code already. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'member'; readonly of: string; readonly name: string }
  | { readonly kind: 'code'; readonly code: string }
  | { readonly kind: 'call'; readonly of: Target; readonly args: readonly string[] };

export interface Parameter {
  readonly name: string;
  readonly preset: string;
  readonly rest: boolean;
}

/** Weakest first. */
const LEVELS: readonly Readonly<Record<string, string>>[] = [
  { imp: 'imp' },
  { eqv: 'eqv' },
  { xor: 'xor' },
  { or: 'or' },
  { and: 'and' },
  {},
  {
    '=': 'eq',
    '<>': 'ne',
    '<': 'lt',
    '>': 'gt',
    '<=': 'le',
    '>=': 'ge',
    '=<': 'le',
    '=>': 'ge',
    is: 'is',
    like: 'like',
  },
  { '&': 'cat' },
  { '+': 'add', '-': 'sub' },
  { mod: 'mod' },
  { '\\': 'idiv' },
  { '*': 'mul', '/': 'div' },
];
const MAX_DEPTH = 150;

export class Expressions extends Cursor {
  /** Names of variables of the procedure. */
  variables = new Set<string>();
  /** The function whose name stands for its result. */
  current: string | null = null;
  /** Objects of the With blocks around. */
  readonly withs: string[] = [];
  readonly mentioned = new Set<string>();
  /** By name: which parameters the procedure changes. */
  readonly procedures = new Map<string, readonly boolean[]>();
  #depth = 0;

  mention(name: string): void {
    if (!this.variables.has(name)) this.mentioned.add(name);
  }

  /** The result of the function where it is its name. */
  own(name: string): string {
    return name === this.current ? '$r' : name;
  }

  /** Notes which procedures there are and which of their parameters they assign to. */
  scan(): void {
    const list = this.tokens;
    for (let at = 0; at < list.length; at += 1) {
      const word = list[at]!;
      if (word.kind !== 'name' || !/^(?:sub|function)$/.test(word.value)) continue;
      if (at > 0 && /^(?:end|exit|declare|ptrsafe)$/.test(list[at - 1]!.value)) continue;
      const name = list[at + 1]?.value ?? '';
      const names: string[] = [];
      let end = at + 2;
      if (list[end]?.value === '(') {
        for (; end < list.length && list[end]!.value !== ')' && list[end]!.kind !== 'end'; end += 1) {
          const before = list[end - 1]!.value;
          if (
            list[end]!.kind === 'name' &&
            /^(?:\(|,|byref|byval|optional|paramarray)$/.test(before) &&
            !/^(?:byref|byval|optional|paramarray)$/.test(list[end]!.value)
          )
            names.push(before === 'byval' ? '' : list[end]!.value);
        }
      }
      const changed = names.map(() => false);
      for (
        ;
        end < list.length && !(list[end]!.value === 'end' && list[end + 1]?.value === word.value);
        end += 1
      ) {
        const place = names.indexOf(list[end]!.value);
        if (
          place >= 0 &&
          list[end]!.kind === 'name' &&
          list[end + 1]?.value === '=' &&
          (list[end - 1]!.kind === 'end' || /^(?:set|then|else)$/.test(list[end - 1]!.value))
        )
          changed[place] = true;
      }
      this.procedures.set(name, changed);
    }
  }

  parameters(): Parameter[] {
    const found: Parameter[] = [];
    if (!this.accept('(')) return found;
    while (!this.accept(')')) {
      let rest = false;
      while (/^(?:byref|byval|optional|paramarray)$/.test(this.token.value)) {
        rest = this.token.value === 'paramarray';
        this.next();
      }
      const name = this.name();
      this.accept('&');
      if (this.accept('(')) this.expect(')');
      if (this.accept('as')) this.type();
      found.push({ name, rest, preset: this.accept('=') ? this.expression() : '' });
      if (!this.accept(',') && this.token.value !== ')') this.fail('a parameter is not understood');
    }
    return found;
  }

  /** Upper bounds up to `)`; of `a To b` the `b`. */
  bounds(): string[] {
    const found: string[] = [];
    while (!this.accept(')')) {
      let bound = this.expression();
      if (this.accept('to')) bound = this.expression();
      found.push(bound);
      if (!this.accept(',') && this.token.value !== ')') this.fail('a bound is not understood');
    }
    return found;
  }

  /** Arguments up to the end of the statement or a `)`. */
  list(): string[] {
    const found: string[] = [];
    while (
      this.token.kind !== 'end' &&
      this.token.value !== ')' &&
      !(this.token.kind === 'name' && this.token.value === 'else')
    ) {
      if (this.accept(',') || this.accept(';')) {
        found.push('undefined');
        continue;
      }
      if (this.token.kind === 'name' && this.peek(1).value === ':=') {
        this.next();
        this.next();
      }
      if (this.token.kind === 'name' && /^by(?:val|ref)$/.test(this.token.value)) this.next();
      found.push(this.expression());
      if (!this.accept(',') && !this.accept(';')) break;
      if (this.ended || this.token.value === ')') break;
    }
    return found;
  }

  expression(level = 0): string {
    if (level >= LEVELS.length) return this.#unary();
    if (level === 5 && this.accept('not')) return `$b.not(${this.expression(5)})`;
    if (level === 0 && (this.#depth += 1) > MAX_DEPTH) this.fail('an expression is nested too deep');
    let left = this.expression(level + 1);
    let parts = 1;
    for (;;) {
      const { kind, value } = this.token;
      const operation = kind === 'operator' || kind === 'name' ? LEVELS[level]![value] : undefined;
      if (operation === undefined) break;
      this.next();
      const negated = value === 'is' && this.accept('not');
      const right = this.expression(level + 1);
      // Long chains of pieces become one call: nested calls would exhaust the engine's stack.
      if (operation === 'cat' && (parts += 1) > 2) left = `${left.slice(0, -1)}, ${right})`;
      else left = `${negated ? '!' : ''}$b.${operation}(${left}, ${right})`;
    }
    if (level === 0) this.#depth -= 1;
    return left;
  }

  compare(operator: string, left: string, right: string): string {
    return `$b.${LEVELS[6]![operator] ?? 'eq'}(${left}, ${right})`;
  }

  #unary(): string {
    if (this.accept('-')) return `$b.neg(${this.#unary()})`;
    if (this.accept('+')) return this.#unary();
    if (this.accept('not')) return `$b.not(${this.#unary()})`;
    let left = this.#primary();
    while (this.accept('^')) left = `$b.pow(${left}, ${this.#unary()})`;
    return left;
  }

  #primary(): string {
    const { kind, value } = this.token;
    if (kind === 'number') return (this.next(), value);
    if (kind === 'string')
      return (
        this.next(),
        JSON.stringify(value).replace(/[\u2028\u2029]/g, (c) => (c === '\u2028' ? '\\u2028' : '\\u2029'))
      );
    if (kind === 'operator' && value === '#') return (this.next(), this.#primary());
    if (kind === 'name') {
      if (value === 'true' || value === 'false') return (this.next(), value);
      if (value === 'empty') return (this.next(), 'undefined');
      if (value === 'null' || value === 'nothing') return (this.next(), 'null');
      if (value === 'addressof') return (this.next(), `v_${this.name()}`);
      if (value === 'typeof') return (this.next(), this.expression(7));
      if (value === 'new') return (this.next(), `$b.make(${JSON.stringify(this.type())})`);
      if (value === 'eval' && this.peek(1).value === '(') {
        this.next();
        this.next();
        const code = this.expression();
        this.expect(')');
        return `$unlayer(eval($b.layer(${code}, true)))`;
      }
    }
    return this.value(this.target());
  }

  /** A name, member or call with all that is attached to it. */
  target(): Target {
    let target = this.#start();
    for (;;) {
      if (this.token.value === '.' && this.token.kind === 'operator' && !this.token.spaced) {
        this.next();
        target = { kind: 'member', of: this.value(target), name: this.name() };
      } else if (this.token.kind === 'operator' && this.token.value === '!' && !this.token.spaced) {
        this.next();
        target = { kind: 'call', of: target, args: [JSON.stringify(this.name())] };
      } else if (this.token.kind === 'operator' && this.token.value === '(' && target.kind !== 'code') {
        this.next();
        const args = this.list();
        this.expect(')');
        target = { kind: 'call', of: target, args };
      } else return target;
    }
  }

  /** The target at that position without its last arguments in parentheses: they begin an expression. */
  again(position: number): Target {
    this.rewind(position);
    let target = this.#start();
    while (this.token.value === '.' && !this.token.spaced) {
      this.next();
      target = { kind: 'member', of: this.value(target), name: this.name() };
    }
    return target;
  }

  #start(): Target {
    if (this.accept('(')) {
      const code = this.expression();
      this.expect(')');
      return { kind: 'code', code: `(${code})` };
    }
    if (this.accept('.')) {
      const of = this.withs.at(-1) ?? this.fail('a member without an object');
      return { kind: 'member', of, name: this.name() };
    }
    const name = this.name();
    this.mention(name);
    return { kind: 'name', name };
  }

  value(target: Target): string {
    switch (target.kind) {
      case 'code':
        return target.code;
      case 'name':
        return target.name === this.current
          ? '$r'
          : this.variables.has(target.name)
            ? `v_${target.name}`
            : `$b.v(v_${target.name})`;
      case 'member':
        return `$b.g(${target.of}, ${JSON.stringify(target.name)})`;
      case 'call': {
        const args = `[${target.args.join(', ')}]`;
        if (target.of.kind === 'member')
          return `$b.m(${target.of.of}, ${JSON.stringify(target.of.name)}, ${args})`;
        if (target.of.kind !== 'name') return `$b.c(${this.value(target.of)}, ${args})`;
        return this.#called(target.of.name, target.args, args);
      }
    }
  }

  /** A call by name; variables given for parameters that it changes get their new value. */
  #called(name: string, args: readonly string[], list: string): string {
    const code = `$b.c(v_${name}, ${list})`;
    const changed = this.procedures.get(name) ?? [];
    const back = args
      .map((arg, index) => ({ name: /^(?:\$b\.v\()?(v_[\p{L}\p{N}_]+)\)?$/u.exec(arg)?.[1], index }))
      .filter((one) => one.name !== undefined && changed[one.index] === true)
      .map((one) => `${one.name!} = $b.out[${one.index}]`);
    return back.length === 0 ? code : `$b.both(${code}, ($b.out !== null && (${back.join(', ')})))`;
  }

  store(target: Target, value: string): string {
    switch (target.kind) {
      case 'code':
        return this.fail('an assignment to a value');
      case 'name':
        return target.name === this.current ? `$r = ${value}` : `v_${target.name} = ${value}`;
      case 'member':
        return `$b.sg(${target.of}, ${JSON.stringify(target.name)}, ${value})`;
      case 'call': {
        const args = `[${target.args.join(', ')}]`;
        if (target.of.kind === 'member')
          return `$b.sm(${target.of.of}, ${JSON.stringify(target.of.name)}, ${args}, ${value})`;
        const of =
          target.of.kind === 'name'
            ? target.of.name === this.current
              ? '$r'
              : `v_${target.of.name}`
            : this.value(target.of);
        return `$b.s(${of}, ${args}, ${value})`;
      }
    }
  }
}

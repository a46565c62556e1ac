// Branches, loops, jumps and what errors do, as JavaScript: the statements that have others within them or
// decide which comes next.

import { Expressions } from './expressions.ts';
import type { Jumps } from './jumps.ts';

export abstract class ControlFlow extends Expressions {
  /** Counts names that the translation makes up. */
  protected unique = 0;
  protected loops: { readonly kind: string; readonly label: string }[] = [];
  /** Whether errors are passed over from here on. */
  protected resumes = false;
  /** Of the procedure, where something in it jumps; null outside. */
  protected jumps: Jumps | null = null;
  /** Label of the handler that errors go to from here on. */
  protected handler: string | null = null;

  /** Statements up to one of the words, which is left to be read. */
  abstract block(until: readonly string[], oneLine?: boolean): string;

  protected guard(code: string): string {
    return this.resumes && code !== '' ? `try { ${code} } catch ($e) { $b.err($e); ${this.faulted()}}` : code;
  }

  protected faulted(): string {
    return this.jumps === null || this.handler === null ? '' : this.jumps.fault(this.handler);
  }

  protected condition(): string {
    const value = `$b.t(${this.expression()})`;
    if (!this.resumes) return value;
    const faulted = this.faulted();
    return faulted === '' ? `$b.ok(() => ${value})` : `$b.ok(() => ${value}, () => { ${faulted} })`;
  }

  protected ifStatement(): string {
    let code = `if (${this.condition()}) {\n`;
    this.expect('then');
    if (this.token.kind !== 'end' || this.token.value === ':') {
      code += this.block(['else', 'elseif', 'end if'], true);
      if (this.accept('else')) code += `} else {\n${this.block(['end if'], true)}`;
      if (this.accept('end')) this.next();
      return `${code}}`;
    }
    code += this.block(['elseif', 'else', 'end if']);
    for (;;) {
      if (this.accept('elseif')) {
        const condition = this.condition();
        this.expect('then');
        code += `} else if (${condition}) {\n${this.block(['elseif', 'else', 'end if'])}`;
      } else if (this.accept('else')) {
        if (this.accept('if')) this.fail('Else If');
        code += `} else {\n${this.block(['end if'])}`;
      } else break;
    }
    this.next();
    this.next();
    return `${code}}`;
  }

  protected loopBody(kind: string, until: readonly string[]): string {
    this.loops.push({ kind, label: `$l${this.unique}` });
    const body = this.block(until);
    this.next();
    this.loops.pop();
    return body;
  }

  protected forStatement(): string {
    const id = (this.unique += 1);
    if (this.accept('each')) {
      const name = this.name();
      this.mention(name);
      this.expect('in');
      const head = `$l${id}: for (v_${name} of $b.each(${this.expression()})) {\n`;
      const body = this.loopBody('for', ['next']);
      if (this.token.kind === 'name') this.next();
      return this.guard(`${head}${body}}`);
    }
    const target = this.target();
    this.expect('=');
    const from = this.expression();
    this.expect('to');
    const to = this.expression();
    const step = this.accept('step') ? this.expression() : '1';
    const value = this.value(target);
    const head = `var $t${id} = $b.num(${to}), $s${id} = $b.num(${step});\n$l${id}: for (${this.store(target, `$b.num(${from})`)}; $s${id} >= 0 ? ${value} <= $t${id} : ${value} >= $t${id}; ${this.store(target, `$b.add(${value}, $s${id})`)}) {\n`;
    const body = this.loopBody('for', ['next']);
    if (this.token.kind === 'name') this.next();
    return `${head}${body}}`;
  }

  protected doStatement(): string {
    const id = (this.unique += 1);
    const negated = this.token.value === 'until';
    const before =
      this.accept('while') || this.accept('until')
        ? `if (${negated ? '' : '!'}${this.condition()}) break;\n`
        : '';
    const body = this.loopBody('do', ['loop']);
    const until = this.token.value === 'until';
    const after =
      this.accept('while') || this.accept('until') ? `${until ? '!' : ''}${this.condition()}` : 'true';
    return `$l${id}: do {\n${before}${body}} while (${after});`;
  }

  protected selectStatement(): string {
    this.expect('case');
    const name = `$c${(this.unique += 1)}`;
    let code = `var ${name} = ${this.expression()};\nif (false) {\n`;
    while (this.token.kind === 'end' && !this.atLast) this.next();
    while (this.accept('case')) {
      if (this.accept('else')) code += '} else {\n';
      else {
        const tests: string[] = [];
        do {
          const is = this.accept('is');
          const operator =
            is || (/^[<>]/.test(this.token.value) && this.token.kind === 'operator') ? this.token.value : '';
          if (operator !== '') this.next();
          const value = this.expression();
          if (operator !== '') tests.push(this.compare(operator, name, value));
          else if (this.accept('to'))
            tests.push(`$b.ge(${name}, ${value}) && $b.le(${name}, ${this.expression()})`);
          else tests.push(`$b.eq(${name}, ${value})`);
        } while (this.accept(','));
        code += `} else if (${tests.join(' || ')}) {\n`;
      }
      code += this.block(['case', 'end select']);
    }
    this.expect('end');
    this.expect('select');
    return `${code}}`;
  }

  /** With a handler, too, it goes on after a fault: what comes then shows, and that is what is looked for. */
  protected onError(): string {
    this.expect('error');
    this.resumes = true;
    this.handler = null;
    if (this.accept('goto')) {
      this.resumes = this.token.value !== '0' && this.token.value !== '-';
      if (this.resumes) this.handler = this.token.value;
    }
    return this.skipStatement();
  }

  protected skipStatement(): string {
    while (this.token.kind !== 'end') this.next();
    return '';
  }

  protected exitStatement(): string {
    const kind = this.name();
    if (/^(?:sub|function|property)$/.test(kind)) return this.jumps?.leave() ?? 'return $r;';
    const loop = this.loops.findLast((one) => one.kind === kind);
    return loop === undefined ? 'throw "exit";' : `break ${loop.label};`;
  }

  /** What came after the error has run already when its handler does. */
  protected resumeStatement(): string {
    if (this.jumps === null) return this.skipLine();
    const { kind, value } = this.token;
    if (kind === 'end' || value === 'next' || value === '0') return `return $r;${this.skipStatement()}`;
    return `${this.jumps.go(value)}${this.skipStatement()}`;
  }

  protected skipLine(): string {
    while (!(this.token.kind === 'end' && this.token.value === '\n')) this.next();
    return '';
  }
}

// Translates VBScript and VBA into JavaScript for the sandbox, statement by statement. Names become `v_name`,
// every operation a call of the run-time library `$b` (guest/basic.ts), where Visual Basic differs from
// JavaScript. What cannot be translated is an error with its line, never a guess; of a procedure it costs that
// procedure alone.

import { Expressions, type Target } from './expressions.ts';
import { Jumps } from './jumps.ts';
import { tokens, UntranslatableError, type Token } from './tokens.ts';

export interface Translation {
  readonly code: string;
  /** Procedures in order of the source, lower case. */
  readonly procedures: readonly string[];
  /** Procedures that are empty because they could not be translated: line and why. */
  readonly faults: readonly string[];
}

/**
 * @param shared which parameters the procedures of all modules of a document change; grows by those of this one
 * @throws {UntranslatableError} naming the line, where it is outside of procedures
 */
export function translate(source: string, shared?: Map<string, readonly boolean[]>): Translation {
  const statements = new Statements(tokens(source), shared);
  const body = statements.block([]);
  const names = [...statements.mentioned].join(' ');
  return {
    code: `$b.names(${JSON.stringify(names)});\n${body}`,
    procedures: statements.names,
    faults: statements.faults,
  };
}

/** Notes in `shared` which parameters the procedures of a module change. */
export function scanModule(source: string, shared: Map<string, readonly boolean[]>): void {
  try {
    new Statements(tokens(source), shared);
  } catch {
    // Translating it tells why.
  }
}

const SKIPPED = new Set([
  'option',
  'attribute',
  'implements',
  'event',
  'deflng',
  'defint',
  'defstr',
  'defbool',
  'beep',
  'stop',
]);
const MODIFIERS = new Set(['public', 'private', 'friend', 'global', 'static', 'default']);

class Statements extends Expressions {
  #unique = 0;
  #loops: { readonly kind: string; readonly label: string }[] = [];
  /** Whether errors are passed over from here on. */
  #resumes = false;
  #depth = 0;
  /** Of the procedure, where something in it jumps; null outside. */
  #jumps: Jumps | null = null;
  /** Depth of the block that a procedure's labels stand in. */
  #outermost = 0;
  /** Label of the handler that errors go to from here on. */
  #handler: string | null = null;
  readonly faults: string[] = [];
  readonly names: readonly string[];

  constructor(list: readonly Token[], shared?: Map<string, readonly boolean[]>) {
    super(list);
    this.scan();
    this.names = [...this.procedures.keys()];
    if (shared === undefined) return;
    for (const [name, changed] of this.procedures) shared.set(name, changed);
    for (const [name, changed] of shared) if (!this.procedures.has(name)) this.procedures.set(name, changed);
  }

  /** Statements up to one of the words, which is left to be read. */
  block(until: readonly string[], oneLine = false): string {
    if ((this.#depth += 1) > 120) this.fail('nested too deep');
    let code = '';
    for (;;) {
      while (this.token.kind === 'end' && !(oneLine && this.token.value === '\n') && !this.atLast)
        this.next();
      if (this.token.kind === 'end' || this.#isEnd(until)) break;
      const one = this.#statement();
      if (this.peek(0).kind !== 'end' && !this.#isEnd(until)) this.fail(`unexpected ${this.token.value}`);
      code += `${one}\n`;
    }
    this.#depth -= 1;
    if (until.length > 0 && !oneLine && this.token.kind === 'end') this.fail(`missing ${until[0]!}`);
    return code;
  }

  #isEnd(until: readonly string[]): boolean {
    return (
      this.token.kind === 'name' &&
      until.some((words) => {
        const [first, second] = words.split(' ');
        return this.token.value === first && (second === undefined || this.peek(1).value === second);
      })
    );
  }

  #guard(code: string): string {
    return this.#resumes && code !== ''
      ? `try { ${code} } catch ($e) { $b.err($e); ${this.#faulted()}}`
      : code;
  }

  #faulted(): string {
    return this.#jumps === null || this.#handler === null ? '' : this.#jumps.fault(this.#handler);
  }

  #condition(): string {
    const value = `$b.t(${this.expression()})`;
    if (!this.#resumes) return value;
    const faulted = this.#faulted();
    return faulted === '' ? `$b.ok(() => ${value})` : `$b.ok(() => ${value}, () => { ${faulted} })`;
  }

  #statement(): string {
    const { token } = this;
    if (token.kind === 'operator' && token.value === '#') return this.#skipLine();
    if (token.kind === 'number') return (this.next(), this.#label(token.value));
    if (token.kind === 'name') {
      const word = token.value;
      const after = this.peek(1);
      const assigned = after.value === '=' && after.kind === 'operator';
      if (word === 'attribute' && after.value === 'vb_name') {
        const module = this.peek(3)
          .value.toLowerCase()
          .replace(/[^\p{L}\p{N}_]/gu, '_');
        this.#skipLine();
        return `if (globalThis.v_${module} === undefined) globalThis.v_${module} = $b.module();`;
      }
      if (SKIPPED.has(word) && !assigned) return this.#skipLine();
      if (
        after.kind === 'end' &&
        after.value === ':' &&
        this.startsLine &&
        !this.procedures.has(word) &&
        !/^(?:else|end|do|wend|loop|next|close|doevents|beep|resume|stop|return|randomize)$/.test(word)
      )
        return (this.next(), this.#label(word));
      while (MODIFIERS.has(this.token.value) && this.peek(1).kind === 'name' && !assigned) {
        const modified = this.peek(1).value;
        this.next();
        if (
          !MODIFIERS.has(modified) &&
          !/^(?:sub|function|property|declare|const|dim|type|enum|withevents|class|event)$/.test(modified)
        )
          return this.#dim();
      }
      const known = this.#known(this.token.value);
      if (known !== null) return known;
    }
    return this.#guard(this.#callOrAssign());
  }

  #known(word: string): string | null {
    const start = this.position;
    if (this.peek(1).value === '=' && this.peek(1).kind === 'operator') return null;
    if (this.peek(1).value === '.' && !this.peek(1).spaced) return null;
    this.next();
    switch (word) {
      case 'dim':
      case 'withevents':
        return this.#dim();
      case 'redim':
        return this.#redim();
      case 'const':
        return this.#const();
      case 'sub':
      case 'function':
      case 'property':
        return this.#procedure(word);
      case 'declare':
        return this.#declare();
      case 'class':
        return this.#class();
      case 'type':
      case 'enum':
        while (!this.atLast && !(this.token.value === 'end' && this.peek(1).value === word)) this.next();
        this.next();
        this.next();
        return '';
      case 'set':
      case 'let':
        return this.#guard(this.#callOrAssign());
      case 'call':
        return this.#guard(this.#callOrAssign());
      case 'if':
        return this.#if();
      case 'for':
        return this.#for();
      case 'do':
        return this.#do();
      case 'while': {
        const condition = this.#condition();
        return `while (${condition}) {\n${this.#loopBody('while', ['wend'])}}`;
      }
      case 'select':
        return this.#select();
      case 'with': {
        const name = `$w${(this.#unique += 1)}`;
        const code = this.#guard(`var ${name} = ${this.expression()};`);
        this.withs.push(name);
        const body = this.block(['end with']);
        this.next();
        this.next();
        this.withs.pop();
        return `${code}\n${body}`;
      }
      case 'on':
        return this.#onError();
      case 'resume':
        return this.#resume();
      case 'exit':
        return this.#exit();
      case 'goto': {
        if (this.#jumps === null) return this.fail('goto is not translated');
        const code = this.#jumps.go(this.token.value);
        return (this.next(), code);
      }
      case 'gosub':
        return this.fail('gosub is not translated');
      case 'end':
        return '$b.quit();';
      case 'erase':
        return this.list()
          .map((item) => `$b.erase(${item});`)
          .join(' ');
      case 'execute':
      case 'executeglobal':
        return this.#guard(
          `$unlayer(${word === 'execute' ? '' : '(0, '}eval${word === 'execute' ? '' : ')'}($b.layer(${this.expression()})));`,
        );
      case 'open':
      case 'print':
      case 'write':
      case 'put':
      case 'close':
      case 'name': {
        const code = this.#fileStatement(word);
        if (code !== null) return this.#guard(code);
      }
    }
    this.rewind(start);
    return null;
  }

  /** Labels deeper than the outermost block are no cases: a jump to one is not translated. */
  #label(name: string): string {
    return this.#jumps !== null && this.#depth === this.#outermost ? this.#jumps.place(name) : '';
  }

  /** What came after the error has run already when its handler does. */
  #resume(): string {
    if (this.#jumps === null) return this.#skipLine();
    const { kind, value } = this.token;
    if (kind === 'end' || value === 'next' || value === '0') return `return $r;${this.#skipStatement()}`;
    return `${this.#jumps.go(value)}${this.#skipStatement()}`;
  }

  #skipLine(): string {
    while (!(this.token.kind === 'end' && this.token.value === '\n')) this.next();
    return '';
  }

  #dim(): string {
    const parts: string[] = [];
    do {
      this.accept('withevents');
      const name = this.name();
      this.variables.add(name);
      let value = '';
      if (this.accept('&') || this.accept('#')) value = '';
      if (this.accept('(')) value = `$b.array([${this.bounds().join(', ')}])`;
      if (this.accept('as')) {
        const isNew = this.accept('new');
        const type = this.type();
        if (isNew) value = `$b.make(${JSON.stringify(type)})`;
        else if (value === '')
          value = /^(?:string)$/.test(type)
            ? '""'
            : /^(?:integer|long|byte|double|single|longptr|currency)$/.test(type)
              ? '0'
              : '';
        if (this.accept('*')) this.expression();
      }
      parts.push(value === '' ? `v_${name}` : `v_${name} = ${value}`);
    } while (this.accept(','));
    return `var ${parts.join(', ')};`;
  }

  #redim(): string {
    const keep = this.accept('preserve');
    let code = '';
    do {
      const name = this.name();
      this.expect('(');
      code += `v_${this.own(name)} = $b.redim(v_${this.own(name)}, [${this.bounds().join(', ')}], ${String(keep)});`;
      this.mention(name);
      if (this.accept('as')) this.type();
    } while (this.accept(','));
    return this.#guard(code.replaceAll('v_$r', '$r'));
  }

  #const(): string {
    let code = '';
    do {
      const name = this.name();
      if (this.accept('as')) this.type();
      this.expect('=');
      this.variables.add(name);
      code += `var v_${name} = ${this.expression()}; `;
    } while (this.accept(','));
    return code;
  }

  #procedure(word: string): string {
    const access = word === 'property' ? this.name() : '';
    const name = this.name();
    const outer = {
      variables: this.variables,
      current: this.current,
      resumes: this.#resumes,
      loops: this.#loops,
      depth: this.#depth,
      jumps: this.#jumps,
      outermost: this.#outermost,
      handler: this.#handler,
      withs: this.withs.length,
    };
    this.#resumes = false;
    this.#loops = [];
    this.#handler = null;
    const parameters = this.parameters();
    if (this.accept('as')) this.type();
    if (this.accept('(')) this.expect(')');
    this.variables = new Set(parameters.map((one) => one.name));
    this.current = word === 'sub' || access === 'let' || access === 'set' ? null : name;
    const body = this.#body(word);
    const out =
      this.procedures.get(name)?.some(Boolean) === true ? parameters.map((one) => `v_${one.name}`) : [];
    const preset = parameters
      .filter((one) => one.preset !== '')
      .map((one) => `if (v_${one.name} === undefined) v_${one.name} = ${one.preset};`);
    const inner = `${preset.join(' ')}\n${body}`;
    const whole = out.length === 0 ? inner : `try {\n${inner}} finally { $b.out = [${out.join(', ')}]; }\n`;
    ({
      variables: this.variables,
      current: this.current,
      resumes: this.#resumes,
      loops: this.#loops,
      depth: this.#depth,
      jumps: this.#jumps,
      outermost: this.#outermost,
      handler: this.#handler,
    } = outer);
    this.withs.length = outer.withs;
    const list = parameters.map((one) => `${one.rest ? '...' : ''}v_${one.name}`).join(', ');
    return `function v_${access === 'let' || access === 'set' ? `${access}_` : ''}${name}(${list}) { var $r;\n${whole}return $r; }`;
  }

  /** Statements of a procedure; none where one of them cannot be translated, which is noted. */
  #body(word: string): string {
    const from = this.position;
    let end = from;
    while (end < this.length && !(this.at(end).value === 'end' && this.at(end + 1).value === word)) end += 1;
    this.#jumps = Jumps.in(this.slice(from, end));
    this.#outermost = this.#depth + 1;
    let code = '';
    try {
      code = this.block([`end ${word}`]);
      const whole = this.#jumps === null ? code : this.#jumps.around(code);
      if (whole === null) this.fail('a jump to a label that is not in the outermost block');
      code = whole;
    } catch (error) {
      if (!(error instanceof UntranslatableError) || end >= this.length) throw error;
      if (this.faults.length < 20) this.faults.push(error.message);
      this.rewind(end);
      code = '';
    }
    this.next();
    this.next();
    return code;
  }

  #declare(): string {
    this.accept('ptrsafe');
    this.next();
    const name = this.name();
    let real = name;
    while (this.token.kind !== 'end' && this.token.value !== '(') {
      if (this.accept('alias')) real = this.token.value;
      this.next();
    }
    while (this.token.kind !== 'end') this.next();
    this.mention(name);
    return `G.v_${name} = $b.api(${JSON.stringify(real)});`.replace('G.', 'globalThis.');
  }

  #class(): string {
    const name = this.name();
    const before = new Set(this.procedures.keys());
    const outer = this.variables;
    this.variables = new Set();
    const from = this.position;
    const body = this.block(['end class']);
    const methods = new Set<string>();
    const setters = new Set<string>();
    for (let at = from; at < this.position; at += 1) {
      const [one, two, three] = [this.at(at), this.at(at + 1), this.at(at + 2)];
      if (this.at(at - 1).value === 'end' || this.at(at - 1).value === 'exit') continue;
      if (one.value === 'sub' || one.value === 'function') methods.add(two.value);
      if (one.value === 'property') (two.value === 'get' ? methods : setters).add(three.value);
    }
    void before;
    const fields = [...this.variables];
    this.variables = outer;
    this.next();
    this.next();
    const members = [
      ...[...methods].map((one) => `$b.method($o, "${one}", v_${one});`),
      ...[...setters].map(
        (one) => `$b.setter($o, "${one}", typeof v_let_${one} === 'function' ? v_let_${one} : v_set_${one});`,
      ),
      ...fields.map((one) => `$b.field($o, "${one}", () => v_${one}, ($v) => { v_${one} = $v; });`),
    ];
    return `$b.class("${name}", function () { var $o = {}, v_me = $o;\n${body}\n${members.join(' ')} return $o; });`;
  }

  #if(): string {
    let code = `if (${this.#condition()}) {\n`;
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
        const condition = this.#condition();
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

  #loopBody(kind: string, until: readonly string[]): string {
    this.#loops.push({ kind, label: `$l${this.#unique}` });
    const body = this.block(until);
    this.next();
    this.#loops.pop();
    return body;
  }

  #for(): string {
    const id = (this.#unique += 1);
    if (this.accept('each')) {
      const name = this.name();
      this.mention(name);
      this.expect('in');
      const head = `$l${id}: for (v_${name} of $b.each(${this.expression()})) {\n`;
      const body = this.#loopBody('for', ['next']);
      if (this.token.kind === 'name') this.next();
      return this.#guard(`${head}${body}}`);
    }
    const target = this.target();
    this.expect('=');
    const from = this.expression();
    this.expect('to');
    const to = this.expression();
    const step = this.accept('step') ? this.expression() : '1';
    const value = this.value(target);
    const head = `var $t${id} = $b.num(${to}), $s${id} = $b.num(${step});\n$l${id}: for (${this.store(target, `$b.num(${from})`)}; $s${id} >= 0 ? ${value} <= $t${id} : ${value} >= $t${id}; ${this.store(target, `$b.add(${value}, $s${id})`)}) {\n`;
    const body = this.#loopBody('for', ['next']);
    if (this.token.kind === 'name') this.next();
    return `${head}${body}}`;
  }

  #do(): string {
    const id = (this.#unique += 1);
    const negated = this.token.value === 'until';
    const before =
      this.accept('while') || this.accept('until')
        ? `if (${negated ? '' : '!'}${this.#condition()}) break;\n`
        : '';
    const body = this.#loopBody('do', ['loop']);
    const until = this.token.value === 'until';
    const after =
      this.accept('while') || this.accept('until') ? `${until ? '!' : ''}${this.#condition()}` : 'true';
    return `$l${id}: do {\n${before}${body}} while (${after});`;
  }

  #select(): string {
    this.expect('case');
    const name = `$c${(this.#unique += 1)}`;
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
  #onError(): string {
    this.expect('error');
    this.#resumes = true;
    this.#handler = null;
    if (this.accept('goto')) {
      this.#resumes = this.token.value !== '0' && this.token.value !== '-';
      if (this.#resumes) this.#handler = this.token.value;
    }
    return this.#skipStatement();
  }

  #skipStatement(): string {
    while (this.token.kind !== 'end') this.next();
    return '';
  }

  #exit(): string {
    const kind = this.name();
    if (/^(?:sub|function|property)$/.test(kind)) return this.#jumps?.leave() ?? 'return $r;';
    const loop = this.#loops.findLast((one) => one.kind === kind);
    return loop === undefined ? 'throw "exit";' : `break ${loop.label};`;
  }

  #fileStatement(word: string): string | null {
    if (word === 'open') {
      const path = this.expression();
      if (!this.accept('for')) return null;
      const mode = this.name();
      while (this.token.kind === 'name' && this.token.value !== 'as') this.next();
      this.expect('as');
      this.accept('#');
      return `$b.open(${path}, "${mode}", ${this.expression()});${this.#skipStatement()}`;
    }
    if (word === 'name') {
      const from = this.expression();
      return this.accept('as') ? `$b.rename(${from}, ${this.expression()});` : null;
    }
    if (word === 'close' && this.token.kind === 'end') return '$b.close();';
    if (!this.accept('#')) return null;
    const items = this.list();
    if (word === 'close') return `$b.close(${items[0] ?? ''});`;
    return `$b.put(${items[0]!}, [${items.slice(1).join(', ')}], ${String(word === 'put')});`;
  }

  #callOrAssign(): string {
    const start = this.position;
    const target = this.target();
    if (this.token.kind === 'operator' && this.token.value === '=') {
      this.next();
      return `${this.store(target, this.expression())};`;
    }
    if (this.token.kind === 'end' || this.token.value === 'else') {
      return `${this.value(target.kind === 'call' ? target : { kind: 'call', of: target, args: [] })};`;
    }
    // Arguments without parentheses, or an expression that begins with one in parentheses.
    const bare: Target =
      this.token.kind === 'operator' && target.kind === 'call' && this.token.value !== ','
        ? this.again(start)
        : target;
    if (bare === target && target.kind === 'call' && this.token.value === ',') {
      const args = [...target.args];
      this.next();
      return `${this.value({ kind: 'call', of: target.of, args: [...args, ...this.list()] })};`;
    }
    return `${this.value({ kind: 'call', of: bare, args: this.list() })};`;
  }
}

export { UntranslatableError };

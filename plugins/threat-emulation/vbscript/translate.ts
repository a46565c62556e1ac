// Translates VBScript and VBA into JavaScript for the sandbox, statement by statement. Names become `v_name`,
// every operation a call of the run-time library `$b` (guest/basic.ts), where Visual Basic differs from
// JavaScript. What cannot be translated is an error with its line, never a guess; of a procedure it costs that
// procedure alone.

import { ControlFlow } from './control-flow.ts';
import { constStatement, declareStatement, dimStatement, redimStatement } from './declarations.ts';
import type { Target } from './expressions.ts';
import { fileStatement } from './file-statements.ts';
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

class Statements extends ControlFlow {
  #depth = 0;
  /** Depth of the block that a procedure's labels stand in. */
  #outermost = 0;
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

  #statement(): string {
    const { token } = this;
    if (token.kind === 'operator' && token.value === '#') return this.skipLine();
    if (token.kind === 'number') return (this.next(), this.#label(token.value));
    if (token.kind === 'name') {
      const word = token.value;
      const after = this.peek(1);
      const assigned = after.value === '=' && after.kind === 'operator';
      if (word === 'attribute' && after.value === 'vb_name') {
        const module = this.peek(3)
          .value.toLowerCase()
          .replace(/[^\p{L}\p{N}_]/gu, '_');
        this.skipLine();
        return `if (globalThis.v_${module} === undefined) globalThis.v_${module} = $b.module();`;
      }
      if (SKIPPED.has(word) && !assigned) return this.skipLine();
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
          return dimStatement(this);
      }
      const known = this.#known(this.token.value);
      if (known !== null) return known;
    }
    return this.guard(this.#callOrAssign());
  }

  #known(word: string): string | null {
    const start = this.position;
    if (this.peek(1).value === '=' && this.peek(1).kind === 'operator') return null;
    if (this.peek(1).value === '.' && !this.peek(1).spaced) return null;
    this.next();
    switch (word) {
      case 'dim':
      case 'withevents':
        return dimStatement(this);
      case 'redim':
        return this.guard(redimStatement(this));
      case 'const':
        return constStatement(this);
      case 'sub':
      case 'function':
      case 'property':
        return this.#procedure(word);
      case 'declare':
        return declareStatement(this);
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
        return this.guard(this.#callOrAssign());
      case 'call':
        return this.guard(this.#callOrAssign());
      case 'if':
        return this.ifStatement();
      case 'for':
        return this.forStatement();
      case 'do':
        return this.doStatement();
      case 'while': {
        const condition = this.condition();
        return `while (${condition}) {\n${this.loopBody('while', ['wend'])}}`;
      }
      case 'select':
        return this.selectStatement();
      case 'with': {
        const name = `$w${(this.unique += 1)}`;
        const code = this.guard(`var ${name} = ${this.expression()};`);
        this.withs.push(name);
        const body = this.block(['end with']);
        this.next();
        this.next();
        this.withs.pop();
        return `${code}\n${body}`;
      }
      case 'on':
        return this.onError();
      case 'resume':
        return this.resumeStatement();
      case 'exit':
        return this.exitStatement();
      case 'goto': {
        if (this.jumps === null) return this.fail('goto is not translated');
        const code = this.jumps.go(this.token.value);
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
        return this.guard(
          `$unlayer(${word === 'execute' ? '' : '(0, '}eval${word === 'execute' ? '' : ')'}($b.layer(${this.expression()})));`,
        );
      case 'open':
      case 'print':
      case 'write':
      case 'put':
      case 'close':
      case 'name': {
        const code = fileStatement(this, word);
        if (code !== null) return this.guard(code);
      }
    }
    this.rewind(start);
    return null;
  }

  /** Labels deeper than the outermost block are no cases: a jump to one is not translated. */
  #label(name: string): string {
    return this.jumps !== null && this.#depth === this.#outermost ? this.jumps.place(name) : '';
  }

  #procedure(word: string): string {
    const access = word === 'property' ? this.name() : '';
    const name = this.name();
    const outer = {
      variables: this.variables,
      current: this.current,
      resumes: this.resumes,
      loops: this.loops,
      depth: this.#depth,
      jumps: this.jumps,
      outermost: this.#outermost,
      handler: this.handler,
      withs: this.withs.length,
    };
    this.resumes = false;
    this.loops = [];
    this.handler = null;
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
      resumes: this.resumes,
      loops: this.loops,
      depth: this.#depth,
      jumps: this.jumps,
      outermost: this.#outermost,
      handler: this.handler,
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
    this.jumps = Jumps.in(this.slice(from, end));
    this.#outermost = this.#depth + 1;
    let code = '';
    try {
      code = this.block([`end ${word}`]);
      const whole = this.jumps === null ? code : this.jumps.around(code);
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

// Runs scripts in QuickJS compiled to WebAssembly: an engine in a sandbox of its own, bounded in time,
// memory and instructions, with emulated hosts and no way out but the events that they report. Runs in a
// worker thread that its pool can end: native loops of the engine do not look at the clock.

import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  RELEASE_SYNC,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
} from 'quickjs-emscripten';
import { ACROBAT } from '../guest/acrobat.ts';
import { BASIC } from '../guest/basic.ts';
import { BROWSER } from '../guest/browser.ts';
import { COMMON } from '../guest/common.ts';
import { WINDOWS } from '../guest/windows.ts';
import { scanModule, translate, type Translation } from '../vbscript/translate.ts';
import { hookEval } from './eval-hooks.ts';
import { readHtml, type HtmlElement } from './html.ts';

/** `windows`: Windows Script Host; `browser`: a page; `application`: both, as an HTA has; `acrobat`: a PDF. */
export type HostKind = 'windows' | 'browser' | 'application' | 'acrobat';

export interface ScriptLimits {
  /** Longest run of all scripts of a page together. */
  readonly timeMs: number;
  readonly memoryBytes: number;
  /** Times that the engine asks whether to go on; some 10,000 instructions lie between two. */
  readonly ticks: number;
}

/** VBScript or VBA, which is translated; `entry` says which of its procedures run by themselves. */
export interface BasicScript {
  readonly basic: string;
  readonly entry: RegExp;
}

export interface ScriptJob {
  readonly host: HostKind;
  readonly scripts: readonly (string | BasicScript)[];
  readonly elements?: readonly HtmlElement[];
  readonly url?: string;
  /** File name that the script believes to have. */
  readonly name?: string;
  /** Whether it is of a document, with the hosts of Office. */
  readonly macro?: boolean;
  /** Properties of a PDF's document. */
  readonly info?: Readonly<Record<string, string>>;
}

/** One thing a script did, as the emulated host told it; fields beyond these depend on `kind`. */
export interface ScriptEvent {
  readonly kind: string;
  readonly what: string;
  /** Number of the event (from 1) that is the eval layer it came from; 0: the script itself. */
  readonly layer: number;
  readonly phase: 'auto' | 'user';
  readonly [field: string]: unknown;
}

export interface ScriptDrop {
  readonly name: string;
  readonly bytes: Buffer;
  /** `offer`: to the user of a browser; `file`: written to disk; `attachment`: into a PDF. */
  readonly how: string;
  /** Whether a user's action set it off. */
  readonly phase: 'auto' | 'user';
}

export interface ScriptRun {
  readonly events: readonly ScriptEvent[];
  readonly drops: readonly ScriptDrop[];
  /** What ended it early; null where all of it ran. */
  readonly stopped: string | null;
}

const MAX_EVENTS = 1000;
const MAX_EVENT_BYTES = 32 * 1024; // characters of one event
const MAX_DROPS = 24;
const MAX_DROP_BYTES = 8 * 2 ** 20;
const MAX_ALL_DROPS = 24 * 2 ** 20;
const MAX_TIMERS = 400;
const MAX_JOBS = 5000; // promise jobs in one go
/** Above it the host's own stack would be the first to overflow. */
const STACK_BYTES = 320 * 1024;
const HOOKS_PER_RUN = 300;

const GUESTS: Readonly<Record<HostKind | 'basic' | 'basicApplication', string>> = {
  basic: assemble(WINDOWS + BASIC, 'addTimers(); addWindowsObjects();'),
  basicApplication: assemble(
    WINDOWS + BROWSER + BASIC,
    'addTimers(); addWindowsObjects(); addBrowserObjects();',
  ),
  windows: assemble(WINDOWS, 'addWindowsObjects();'),
  browser: assemble(
    WINDOWS + BROWSER,
    'addTimers(); addWindowsObjects(); addBrowserObjects(); delete G.WScript; delete G.WSH; delete G.GetObject; delete G.CreateObject;',
  ),
  application: assemble(WINDOWS + BROWSER, 'addTimers(); addWindowsObjects(); addBrowserObjects();'),
  acrobat: assemble(ACROBAT, 'addAcrobatObjects();'),
};

function assemble(parts: string, setUp: string): string {
  return `(function (host, config) {\n${COMMON}\n${parts}\n${setUp}
    host.attempt = attempt; host.runTimer = runTimer;
    hidden(G, '$run', function (code) { attempt(function () { (0, nativeEval)(code); }); });
    hidden(G, '$tick', function (n) { var ran = 0; while (ran < n && runTimer()) ran++; return ran; });
  })`;
}

/** The engine's own complaints are errors here; standard error is not for them. */
const QUIET = newVariant(RELEASE_SYNC, { emscriptenModule: { printErr: () => {} } as object });

let engine: QuickJSWASMModule | null = null;

/** Runs the scripts one after the other in one fresh context, then timers and what a user would set off. */
export async function runScripts(job: ScriptJob, limits: ScriptLimits): Promise<ScriptRun> {
  engine ??= await newQuickJSWASMModuleFromVariant(QUIET);
  const run = new Run(limits);
  try {
    run.execute(engine, job);
  } catch (error) {
    // An error of the host side leaves the module in a state that nobody knows.
    engine = null;
    run.stopped ??= `engine failed: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { events: run.events, drops: run.drops, stopped: run.stopped };
}

class Run {
  readonly events: ScriptEvent[] = [];
  readonly drops: ScriptDrop[] = [];
  stopped: string | null = null;
  readonly #limits: ScriptLimits;
  readonly #deadline: number;
  #ticks = 0;
  #dropBytes = 0;
  #hooks = 0;

  constructor(limits: ScriptLimits) {
    this.#limits = limits;
    this.#deadline = performance.now() + limits.timeMs;
  }

  /** Throws where the engine itself failed; what it held is then left to its module, which is not used again. */
  execute(module: QuickJSWASMModule, job: ScriptJob): void {
    const runtime = module.newRuntime();
    runtime.setMemoryLimit(this.#limits.memoryBytes);
    runtime.setMaxStackSize(STACK_BYTES);
    runtime.setInterruptHandler(() => this.#interrupt());
    const context = runtime.newContext();
    this.#play(runtime, context, job);
    context.dispose();
    runtime.dispose();
  }

  #play(runtime: QuickJSRuntime, vm: QuickJSContext, job: ScriptJob): void {
    const config = {
      name: job.name ?? '',
      url: job.url ?? '',
      elements: job.elements ?? [],
      info: job.info ?? {},
      macro: job.macro === true,
    };
    const basic = job.scripts.some((script) => typeof script !== 'string');
    const guest = !basic ? job.host : job.host === 'windows' ? 'basic' : 'basicApplication';
    if (!this.#install(vm, GUESTS[guest], config)) return;
    const settle = (): void => this.#settle(runtime, vm);
    const shared = new Map<string, readonly boolean[]>();
    const starts: string[] = [];
    for (const script of job.scripts) if (typeof script !== 'string') scanModule(script.basic, shared);
    for (const script of job.scripts) {
      if (typeof script === 'string') this.#evaluate(vm, hookEval(adapted(script, job.host)));
      else {
        const { code, procedures } = this.#translated(script.basic, shared);
        this.#evaluate(vm, code);
        starts.push(...procedures.filter((name) => script.entry.test(name)));
      }
      settle();
    }
    // A module's entry may call into those after it.
    for (const name of new Set(starts)) {
      this.#evaluate(vm, `$b.start(${JSON.stringify(name)});`);
      settle();
    }
    this.#call(vm, '$loaded');
    settle();
    this.#call(vm, '$use');
    settle();
  }

  #install(vm: QuickJSContext, guest: string, config: object): boolean {
    const host = vm.newObject();
    this.#method(vm, host, 'emit', (json) => vm.newNumber(this.#emit(vm.getString(json!))));
    this.#method(vm, host, 'hook', (code) => {
      const text = vm.getString(code!);
      return (this.#hooks += 1) > HOOKS_PER_RUN ? code!.dup() : vm.newString(hookEval(text));
    });
    this.#method(vm, host, 'basic', (code, value) => {
      const text = vm.getString(code!);
      const wanted = vm.dump(value!) === true ? `weir_result = ${text}` : text;
      const made = (this.#hooks += 1) > HOOKS_PER_RUN ? '' : this.#translated(wanted).code;
      return vm.newString(vm.dump(value!) === true ? `${made}; v_weir_result` : made);
    });
    this.#method(vm, host, 'parse', (html) => vm.newString(JSON.stringify(readHtml(vm.getString(html!)))));
    this.#method(vm, host, 'drop', (json, bytes) => {
      const content = vm.getArrayBuffer(bytes!);
      this.#drop(vm.getString(json!), Buffer.from(content.value));
      content.dispose();
      return vm.undefined;
    });
    const install = this.#unwrap(vm, vm.evalCode(guest, 'host.js'));
    if (install === null) return false;
    const settings = this.#unwrap(vm, vm.evalCode(`(${asciiJson(config)})`, 'config.js'));
    if (settings === null) return false;
    const done = this.#unwrap(vm, vm.callFunction(install, vm.undefined, host, settings));
    for (const handle of [install, settings, host]) handle.dispose();
    if (done === null) return false;
    done.dispose();
    // A lexical binding comes before the global object's property, which is the one that tells.
    this.#unwrap(
      vm,
      vm.evalCode('let eval = $nativeEval; delete globalThis.$nativeEval;', 'eval.js'),
    )?.dispose();
    return true;
  }

  #method(
    vm: QuickJSContext,
    on: QuickJSHandle,
    name: string,
    work: (...args: (QuickJSHandle | undefined)[]) => QuickJSHandle,
  ): void {
    const method = vm.newFunction(name, (...args) => work(...args));
    vm.setProp(on, name, method);
    method.dispose();
  }

  /** JavaScript of it; what cannot be translated is told as an event, and does not run. */
  #translated(
    source: string,
    shared?: Map<string, readonly boolean[]>,
  ): Pick<Translation, 'code' | 'procedures'> {
    try {
      const made = translate(source, shared);
      for (const fault of made.faults) this.#untranslated(fault);
      return made;
    } catch (error) {
      this.#untranslated(error instanceof Error ? error.message : String(error));
      return { code: '', procedures: [] };
    }
  }

  #untranslated(what: string): void {
    if (this.events.length < MAX_EVENTS)
      this.events.push({ kind: 'untranslated', what: what.slice(0, 300), layer: 0, phase: 'auto' });
  }

  #evaluate(vm: QuickJSContext, code: string): void {
    if (this.stopped !== null) return;
    this.#unwrap(vm, vm.evalCode(code, 'script.js', { type: 'global' }))?.dispose();
  }

  #call(vm: QuickJSContext, name: string, argument?: number): number {
    if (this.stopped !== null) return 0;
    const method = vm.getProp(vm.global, name);
    let result = 0;
    if (vm.typeof(method) === 'function') {
      const args = argument === undefined ? [] : [vm.newNumber(argument)];
      const value = this.#unwrap(vm, vm.callFunction(method, vm.undefined, ...args));
      if (value !== null) {
        result = vm.typeof(value) === 'number' ? vm.getNumber(value) : 0;
        value.dispose();
      }
      for (const handle of args) handle.dispose();
    }
    method.dispose();
    return result;
  }

  /** Promise jobs and timers in turn, until neither is left. */
  #settle(runtime: QuickJSRuntime, vm: QuickJSContext): void {
    for (let timers = 0; timers < MAX_TIMERS && this.stopped === null;) {
      const jobs = runtime.executePendingJobs(MAX_JOBS);
      const error = jobs.error;
      if (error !== undefined) {
        this.#fault(vm, error);
        error.dispose();
        timers += 1;
        continue;
      }
      const ran = this.#call(vm, '$tick', 20);
      if (ran === 0 && jobs.value === 0) return;
      timers += Math.max(ran, 1);
    }
  }

  #unwrap(vm: QuickJSContext, result: ReturnType<QuickJSContext['evalCode']>): QuickJSHandle | null {
    if (result.error === undefined) return result.value;
    this.#fault(vm, result.error);
    result.error.dispose();
    return null;
  }

  #fault(vm: QuickJSContext, error: QuickJSHandle): void {
    const dumped = vm.dump(error) as { name?: unknown; message?: unknown; quit?: unknown } | string | null;
    if (typeof dumped === 'object' && dumped !== null && dumped.quit === true) return;
    const text =
      typeof dumped === 'object' && dumped !== null
        ? `${String(dumped.name)}: ${String(dumped.message)}`
        : String(dumped);
    if (/InternalError: (?:interrupted|out of memory)/.test(text)) {
      this.stopped ??= /memory/.test(text)
        ? `script needed more than ${this.#limits.memoryBytes} bytes`
        : this.#why();
    } else if (this.events.length < MAX_EVENTS) {
      this.events.push({ kind: 'exception', what: text.slice(0, 300), layer: 0, phase: 'auto' });
    }
  }

  #why(): string {
    return this.#ticks > this.#limits.ticks
      ? 'script ran too many instructions'
      : `script stopped after ${this.#limits.timeMs} ms`;
  }

  #interrupt(): boolean {
    this.#ticks += 1;
    if (this.#ticks <= this.#limits.ticks && performance.now() < this.#deadline) return false;
    this.stopped ??= this.#why();
    return true;
  }

  #emit(json: string): number {
    if (this.events.length >= MAX_EVENTS || json.length > MAX_EVENT_BYTES) return 0;
    return this.events.push(JSON.parse(json) as ScriptEvent);
  }

  #drop(json: string, bytes: Buffer): void {
    const { name, how, phase } = JSON.parse(json) as { name: string; how: string; phase?: string };
    this.#dropBytes += bytes.length;
    if (this.drops.length >= MAX_DROPS || bytes.length > MAX_DROP_BYTES || this.#dropBytes > MAX_ALL_DROPS)
      return;
    this.drops.push({
      name: String(name).slice(0, 300),
      how,
      phase: phase === 'user' ? 'user' : 'auto',
      bytes,
    });
  }
}

/** Oddities of JScript that are no JavaScript. */
function adapted(script: string, host: HostKind): string {
  let code = script.charCodeAt(0) === 0xfeff ? script.slice(1) : script;
  if (host === 'acrobat') return code;
  // Conditional compilation is a comment elsewhere; in JScript its content runs.
  if (code.includes('@cc_on') || code.includes('@if')) {
    code = code
      .replace(/\/\*@cc_on\b([\s\S]*?)@\*\//g, ' $1 ')
      .replace(/\/\*@if\s*\([^)]*\)([\s\S]*?)@end\s*@?\*\//g, ' $1 ')
      .replace(/@cc_on\b|@if\s*\([^)]*\)|@end\b|@else\b/g, ' ')
      .replace(/@_(?:jscript_version|win32|win64|x86|jscript)\b/g, '5.8')
      .replace(/@set\s+@(\w+)\s*=/g, 'var $1 =');
  }
  return code;
}

/** JSON as source text: line separators are no part of a literal. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

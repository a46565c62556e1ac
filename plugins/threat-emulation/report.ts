// What an emulation saw, as a report: a tree of behaviour, the reasons that scored, and the verdict made
// of them. Analysers add to it through `Recorder`; a rule counts once, however often it is met.

/** What a node of the tree is. */
export type BehaviourKind =
  | 'content'
  | 'script'
  | 'layer'
  | 'process'
  | 'network'
  | 'file'
  | 'registry'
  | 'persistence'
  | 'download'
  | 'injection'
  | 'clipboard'
  | 'dialog'
  | 'system'
  | 'macro'
  | 'feature'
  | 'fault';

/** One thing that happened, and what happened because of it. Plain data: safe to send and to store. */
export interface BehaviourNode {
  readonly kind: BehaviourKind;
  /** A command line, address, path or excerpt; at most 500 characters, control characters escaped. */
  readonly what: string;
  /** Points of the rules that this node met first. */
  score: number;
  readonly children: BehaviourNode[];
}

export interface Reason {
  /** Permanent name of the rule, e.g. `runs-download`. */
  readonly rule: string;
  /** For people: what was done. */
  readonly text: string;
  readonly score: number;
}

/** A file that the content carried or made: what became of it at the anti-virus blade. */
export interface DroppedFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly type: string;
  /** Threat that anti-virus named, `clean`, or null where it was not asked. */
  readonly antivirus: string | null;
}

export type EmulationVerdict = 'malicious' | 'suspicious' | 'clean';

/** The whole report, as it is stored and served (JSON). */
export interface EmulationReport {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly url: string;
  readonly direction: 'request' | 'response';
  readonly size: number;
  readonly type: string;
  readonly verdict: EmulationVerdict;
  /** Name of the threat, of its weightiest reason; null where the verdict is clean. */
  readonly threat: string | null;
  readonly score: number;
  readonly threshold: number;
  readonly reasons: readonly Reason[];
  readonly tree: BehaviourNode;
  readonly drops: readonly DroppedFile[];
  /** What was not emulated to its end, e.g. `script stopped after 2000 ms`. */
  readonly limits: readonly string[];
  readonly ms: number;
  /** Answer of the remote sandbox, where one was asked. */
  readonly remote: { readonly task: number; readonly score: number | null } | null;
}

const MAX_NODES = 1500;
const MAX_WHAT = 500; // characters
const MAX_REASON = 200; // characters
const MAX_LIMITS = 20;

/** What all recorders of one message share. */
interface Shared {
  nodes: number;
  readonly limits: string[];
}

/**
 * Collects the tree of one message and the reasons of one scope in it: a page with its scripts, a document,
 * a file of an archive. Points of different scopes do not add up.
 */
export class Recorder {
  readonly node: BehaviourNode;
  readonly #shared: Shared;
  readonly #reasons = new Map<string, Reason>();

  private constructor(top: BehaviourNode, shared: Shared) {
    this.node = top;
    this.#shared = shared;
  }

  /** A recorder for a message; its node is the root of the tree. */
  static start(what: string): Recorder {
    return new Recorder(node('content', what), { nodes: 1, limits: [] });
  }

  /** A recorder for something in it, with reasons of its own. */
  scope(parent: BehaviourNode, kind: BehaviourKind, what: string): Recorder {
    return new Recorder(this.add(parent, kind, what), this.#shared);
  }

  /** A recorder whose scopes are added under `node`. */
  under(at: BehaviourNode): Recorder {
    return new Recorder(at, this.#shared);
  }

  /** Adds a node; past 1500 of them the parent stands for it. */
  add(parent: BehaviourNode, kind: BehaviourKind, what: string): BehaviourNode {
    if (this.#shared.nodes >= MAX_NODES) return parent;
    this.#shared.nodes += 1;
    const child = node(kind, what);
    parent.children.push(child);
    return child;
  }

  /** Counts a rule, once: a second time only the points that it has more. */
  score(at: BehaviourNode, rule: string, points: number, text: string): void {
    const before = this.#reasons.get(rule)?.score ?? 0;
    if (points <= before) return;
    this.#reasons.set(rule, { rule, text: shown(text, MAX_REASON), score: points });
    at.score += points - before;
  }

  /** Notes what was not looked at, or not to its end. */
  limit(text: string): void {
    const { limits } = this.#shared;
    const safe = shown(text, MAX_REASON);
    if (limits.length < MAX_LIMITS && !limits.includes(safe)) limits.push(safe);
  }

  get limits(): readonly string[] {
    return this.#shared.limits;
  }

  get total(): number {
    let total = 0;
    for (const { score } of this.#reasons.values()) total += score;
    return total;
  }

  /** Reasons, the weightiest first. */
  get reasons(): Reason[] {
    return [...this.#reasons.values()].sort((a, b) => b.score - a.score);
  }
}

/** Verdict of a score: malicious from the threshold on, suspicious from half of it. */
export function verdictOf(score: number, threshold: number): EmulationVerdict {
  return score >= threshold ? 'malicious' : score * 2 >= threshold ? 'suspicious' : 'clean';
}

function node(kind: BehaviourKind, what: string): BehaviourNode {
  return { kind, what: shown(what, MAX_WHAT), score: 0, children: [] };
}

/** Text of others made safe to show: control and direction characters escaped, cut. */
export function shown(text: string, limit: number): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return cut.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

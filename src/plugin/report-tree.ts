// A report as it is shown: one tree in which the files that content made hang below what made them, each with
// what anti-virus said of it. Bounded, whatever the plugin gave; the dashboard and `weir report` draw the same.

import type { Report, ReportFile, ReportNode, ReportSource } from './api/report.ts';

const MAX_NODES = 2000;
const MAX_DEPTH = 64;
const MAX_TEXT = 1000; // characters
const MAX_LIST = 200;
const ID = /^[A-Za-z0-9-]{1,64}$/;

/** True for what can be the id of a report. */
export function isReportId(text: unknown): text is string {
  return typeof text === 'string' && ID.test(text);
}

/**
 * The report of that id, of whichever source has it.
 * @returns null: none has it, or what it gave is no report; a source that fails is passed over
 */
export async function findReport(sources: readonly ReportSource[], id: string): Promise<Report | null> {
  if (!isReportId(id)) return null;
  for (const source of sources) {
    const found = await source.find(id).catch(() => null);
    if (found !== null) return reportView(found);
  }
  return null;
}

/** The latest reports of all sources, newest first. */
export async function latestReports(
  sources: readonly ReportSource[],
  count: number,
): Promise<readonly Report[]> {
  const reports: Report[] = [];
  for (const source of sources) {
    const ids = await source.latest(count).catch(() => []);
    for (const id of ids.slice(0, count)) {
      const found = await source.find(id).catch(() => null);
      const report = found === null ? null : reportView(found);
      if (report !== null) reports.push(report);
    }
  }
  return reports.sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, count);
}

/** The report within bounds, its files in the tree; null for what is no report. */
export function reportView(given: Report): Report | null {
  try {
    if (!isReportId(given.id) || Number.isNaN(Date.parse(given.at))) return null;
    const drops = given.drops.slice(0, MAX_LIST).map(fileOf);
    const budget = { left: MAX_NODES };
    const waiting = new Set(drops);
    const tree = nodeOf(given.tree, 0, budget, waiting);
    const rest = [...waiting].map((file) => dropNode(file));
    return {
      ...{ id: given.id, at: given.at, url: text(given.url), direction: given.direction },
      ...{ size: Number(given.size), type: text(given.type), verdict: given.verdict },
      ...{ threat: given.threat === null ? null : text(given.threat) },
      ...{ score: Number(given.score), threshold: Number(given.threshold), ms: Number(given.ms) },
      reasons: given.reasons.slice(0, MAX_LIST).map(({ rule, text: why, score }) => ({
        ...{ rule: text(rule), text: text(why), score: Number(score) },
      })),
      tree: rest.length === 0 ? tree : { ...tree, children: [...tree.children, ...rest] },
      drops,
      limits: given.limits.slice(0, MAX_LIST).map(text),
    };
  } catch {
    return null; // of a plugin that is not ours, or of a file that somebody changed
  }
}

interface Budget {
  left: number;
}

function nodeOf(node: ReportNode, depth: number, budget: Budget, waiting: Set<ReportFile>): ReportNode {
  budget.left -= 1;
  const what = text(node.what);
  const children: ReportNode[] = [];
  // Parts of a node take their files first: the innermost one that names a file has made it.
  if (depth < MAX_DEPTH) {
    for (const child of node.children) {
      if (budget.left <= 0) break;
      children.push(nodeOf(child, depth + 1, budget, waiting));
    }
  }
  const made = [...waiting].find(({ name }) => depth > 0 && isAbout(what, name));
  if (made !== undefined) {
    waiting.delete(made);
    children.push(outcomeNode(made));
  }
  return { kind: text(node.kind), what, score: Number(node.score), children };
}

/** The text ends in the file's name, or has it as a word of its own. */
function isAbout(what: string, name: string): boolean {
  const base = name.split(/[\\/]/).at(-1)!.toLowerCase();
  if (base.length < 3) return false;
  const lower = what.toLowerCase();
  const at = lower.lastIndexOf(base);
  if (at < 0) return false;
  const isEdge = (character: string | undefined): boolean => !/[\w.-]/.test(character ?? ' ');
  return isEdge(lower[at - 1]) && isEdge(lower[at + base.length]);
}

function dropNode(file: ReportFile): ReportNode {
  return { kind: 'file', what: file.name, score: 0, children: [outcomeNode(file)] };
}

function outcomeNode({ size, type, sha256, antivirus }: ReportFile): ReportNode {
  const said = antivirus ?? 'not asked';
  const what = `${said} (${type === '' ? 'data' : type}, ${size} bytes, SHA-256 ${sha256})`;
  return { kind: 'antivirus', what, score: 0, children: [] };
}

function fileOf({ name, size, sha256, type, antivirus }: ReportFile): ReportFile {
  return {
    ...{ name: text(name), size: Number(size), sha256: text(sha256), type: text(type) },
    antivirus: antivirus === null ? null : text(antivirus),
  };
}

function text(value: string): string {
  return String(value).slice(0, MAX_TEXT);
}

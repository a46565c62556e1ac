// The dashboard's panel: the latest reports, and the tree of behaviour of the newest that was not clean.

import type { PanelPart, PanelView } from 'weir';
import type { BehaviourNode, EmulationReport } from './report.ts';
import type { ReportStore } from './report-store.ts';

const SHOWN_REPORTS = 20;
const SHOWN_NODES = 60;

/** What the panel shows now. */
export async function reportPanel(store: ReportStore): Promise<PanelView> {
  const reports: EmulationReport[] = [];
  for (const id of await store.latest(SHOWN_REPORTS)) {
    const report = await store.read(id);
    if (report !== null) reports.push(report);
  }
  if (reports.length === 0) return { parts: [{ kind: 'text', text: 'Nothing suspicious was seen yet.' }] };
  const table: PanelPart = {
    kind: 'table',
    title: 'Latest reports',
    columns: ['time', 'verdict', 'score', 'threat', 'why', 'address', 'report'],
    rows: reports.map(({ at, verdict, score, threat, reasons, url, id }) => [
      at,
      verdict,
      score,
      threat,
      reasons[0]?.text ?? '',
      url.slice(0, 200),
      id,
    ]),
  };
  const newest = reports.find(({ verdict }) => verdict !== 'clean');
  if (newest === undefined) return { parts: [table] };
  return {
    parts: [
      table,
      {
        kind: 'text',
        title: `Behaviour in ${newest.id}`,
        text: [...lines(newest.tree, 0)].slice(0, SHOWN_NODES).join('\n'),
      },
    ],
  };
}

function* lines(node: BehaviourNode, depth: number): Generator<string> {
  yield `${'  '.repeat(depth)}${node.kind}: ${node.what.slice(0, 160)}${node.score > 0 ? ` (${node.score})` : ''}`;
  for (const child of node.children) yield* lines(child, depth + 1);
}

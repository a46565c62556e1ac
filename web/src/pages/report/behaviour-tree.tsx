// What content did, as a tree that keys and clicks open: processes, what they fetched and wrote, and what
// anti-virus said of that. Texts of strangers stay text.

import type { JSX } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ReportNode } from '../../api/types.ts';
import { texts } from '../../texts/index.ts';
import type { Move, Row } from './tree-rows.ts';
import { moveOf, openAtFirst, parentKeys, rowsOf } from './tree-rows.ts';

/** Kinds that somebody should look at first; the others are neutral. */
const TONES: Readonly<Record<string, string>> = {
  process: 'blocked',
  injection: 'blocked',
  persistence: 'blocked',
  download: 'modified',
  network: 'modified',
  file: 'bypassed',
  registry: 'bypassed',
  fault: 'error',
};

export function BehaviourTree({ root }: { root: ReportNode }): JSX.Element {
  const words = texts.report;
  const [open, setOpen] = useState(() => openAtFirst(root));
  const [focused, setFocused] = useState('0');
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(false);
  const rows = useMemo(() => rowsOf(root, open), [root, open]);
  // A line that was closed away cannot keep the focus.
  const current = rows.some(({ key }) => key === focused) ? focused : '0';
  useLayoutEffect(() => {
    if (!follows.current) return;
    follows.current = false;
    box.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }, [current, rows]);
  const apply = (move: Move | null): boolean => {
    if (move === null) return false;
    follows.current = true;
    setOpen(move.open);
    setFocused(move.key);
    return true;
  };
  return (
    <>
      <div class="row">
        <button type="button" class="small" onClick={() => setOpen(new Set(parentKeys(root)))}>
          {words.openAll}
        </button>
        <button type="button" class="small" onClick={() => setOpen(new Set(['0']))}>
          {words.closeAll}
        </button>
        <span class="muted small report-keys">{words.keys}</span>
      </div>
      <div
        class="report-tree"
        role="tree"
        aria-label={words.behaviour}
        ref={box}
        onKeyDown={(event) => {
          if (event.altKey || event.ctrlKey || event.metaKey) return;
          if (!apply(moveOf(event.key, current, rows, open))) return;
          event.preventDefault();
          event.stopPropagation();
        }}
      >
        {rows.map((row) => (
          <Line
            key={row.key}
            row={row}
            isCurrent={row.key === current}
            onPress={() =>
              apply(row.open === null ? { key: row.key, open } : moveOf('Enter', row.key, rows, open))
            }
          />
        ))}
      </div>
    </>
  );
}

function Line({
  row,
  isCurrent,
  onPress,
}: {
  row: Row;
  isCurrent: boolean;
  onPress: () => void;
}): JSX.Element {
  const { node, level, position, siblings, open } = row;
  const { kind, what, score } = node;
  return (
    <div
      class={`report-line ${open === null ? 'leaf' : ''}`}
      role="treeitem"
      aria-level={level}
      aria-posinset={position}
      aria-setsize={siblings}
      aria-expanded={open ?? undefined}
      tabIndex={isCurrent ? 0 : -1}
      style={{ '--level': level - 1 }}
      onClick={onPress}
    >
      <span class="report-twist" aria-hidden="true">
        {open === null ? '' : open ? '▾' : '▸'}
      </span>
      <span class={`tag ${toneOf(node)}`}>{texts.report.kinds[kind] ?? kind}</span>
      <span class="report-what">{what}</span>
      {score > 0 && <span class="report-points">{`+${texts.report.points(score)}`}</span>}
    </div>
  );
}

function toneOf({ kind, what }: ReportNode): string {
  const isClean = kind === 'antivirus' && what.startsWith('clean ');
  if (isClean) return 'ink-allowed';
  if (kind === 'antivirus') return what.startsWith('not asked ') ? 'muted' : 'ink-blocked';
  const tone = TONES[kind];
  return tone === undefined ? 'muted' : `ink-${tone}`;
}

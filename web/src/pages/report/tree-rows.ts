// Which lines of a report's tree are in view, and where a key leads from one of them: the ARIA tree pattern
// without anything that draws.

import type { ReportNode } from '../../api/types.ts';

export interface Row {
  /** Place in the tree: positions among siblings from the root on, e.g. `0.2.1`. */
  readonly key: string;
  readonly node: ReportNode;
  /** 1 for the root. */
  readonly level: number;
  /** From 1, and of how many. */
  readonly position: number;
  readonly siblings: number;
  /** Null for a leaf. */
  readonly open: boolean | null;
}

const OPEN_AT_FIRST = 150; // lines

/** Keys of all nodes that have children, breadth first. */
export function parentKeys(root: ReportNode, most = Infinity): string[] {
  const keys: string[] = [];
  let lines = 1;
  const queue: [ReportNode, string][] = [[root, '0']];
  for (let at = 0; at < queue.length; at += 1) {
    const [node, key] = queue[at]!;
    if (node.children.length === 0) continue;
    lines += node.children.length;
    if (lines > most && keys.length > 0) break;
    keys.push(key);
    node.children.forEach((child, index) => queue.push([child, `${key}.${index}`]));
  }
  return keys;
}

/** What is open before anybody has touched it: level by level, as long as it stays a page or two. */
export function openAtFirst(root: ReportNode): ReadonlySet<string> {
  return new Set(parentKeys(root, OPEN_AT_FIRST));
}

/** The lines in view from top to bottom. */
export function rowsOf(root: ReportNode, open: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const add = (node: ReportNode, key: string, level: number, position: number, siblings: number): void => {
    const isOpen = node.children.length === 0 ? null : open.has(key);
    rows.push({ key, node, level, position, siblings, open: isOpen });
    if (isOpen !== true) return;
    node.children.forEach((child, index) =>
      add(child, `${key}.${index}`, level + 1, index + 1, node.children.length),
    );
  };
  add(root, '0', 1, 1, 1);
  return rows;
}

export interface Move {
  /** Line that has the focus then. */
  readonly key: string;
  readonly open: ReadonlySet<string>;
}

/** Null for a key that means nothing here. */
export function moveOf(
  pressed: string,
  at: string,
  rows: readonly Row[],
  open: ReadonlySet<string>,
): Move | null {
  const index = rows.findIndex(({ key }) => key === at);
  const row = rows[index];
  if (row === undefined) return null;
  const to = (target: Row | undefined): Move => ({ key: (target ?? row).key, open });
  const toggled = (): Move => {
    const next = new Set(open);
    if (!next.delete(row.key)) next.add(row.key);
    return { key: row.key, open: next };
  };
  switch (pressed) {
    case 'ArrowDown':
      return to(rows[index + 1]);
    case 'ArrowUp':
      return to(rows[index - 1]);
    case 'Home':
      return to(rows[0]);
    case 'End':
      return to(rows.at(-1));
    case 'ArrowRight':
      return row.open === false ? toggled() : to(row.open === true ? rows[index + 1] : undefined);
    case 'ArrowLeft':
      return row.open === true ? toggled() : to(rows.find(({ key }) => key === parentOf(row.key)));
    case 'Enter':
    case ' ':
      return row.open === null ? to(undefined) : toggled();
    case '*': {
      const beside = rows.filter(
        ({ key, open: isOpen }) => parentOf(key) === parentOf(row.key) && isOpen !== null,
      );
      return { key: row.key, open: new Set([...open, ...beside.map(({ key }) => key)]) };
    }
    default:
      return null;
  }
}

function parentOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('.')));
}

// Shows a window of a long list: only the rows in view exist in the document. Rows have one fixed height, so
// a position is a multiplication and nothing is ever measured but the box.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const MARGIN_ROWS = 6; // beyond the edges, so that a quick scroll shows no gap

export interface VirtualListProps<Item> {
  readonly label: string;
  readonly items: readonly Item[];
  /** Pixels. */
  readonly rowHeight: number;
  readonly keyOf: (item: Item) => string;
  readonly row: (item: Item, at: number) => ComponentChildren;
  readonly header?: ComponentChildren;
  /** The list is no longer at its top, or is again. */
  readonly onLeaveTop?: (isAway: boolean) => void;
}

export function VirtualList<Item>(props: VirtualListProps<Item>): JSX.Element {
  const { label, items, rowHeight, keyOf, row, header, onLeaveTop } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const look = (): void => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const scrolled = (): void => {
    const { scrollTop, clientHeight } = box.current!;
    setView({ top: scrollTop, height: clientHeight });
    onLeaveTop?.(scrollTop > rowHeight);
  };
  const first = Math.max(0, Math.min(Math.floor(view.top / rowHeight), items.length) - MARGIN_ROWS);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + MARGIN_ROWS);
  return (
    <div class="virtual" role="table" aria-label={label} aria-rowcount={items.length + 1}>
      {header}
      <div class="virtual-rows" role="rowgroup" ref={box} onScroll={scrolled} tabIndex={-1}>
        <div class="virtual-space" role="presentation" style={{ height: `${items.length * rowHeight}px` }}>
          {items.slice(first, last).map((item, at) => (
            <div
              key={keyOf(item)}
              class="virtual-row"
              role="row"
              aria-rowindex={first + at + 2}
              style={{ transform: `translateY(${(first + at) * rowHeight}px)` }}
            >
              {row(item, first + at)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

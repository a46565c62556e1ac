// How long something took: one bar a bucket, widths equal whatever the buckets span.

import type { JSX } from 'preact';
import { count, duration } from '../format.ts';

export interface Bucket {
  /** Upper bound, milliseconds; null: no bound. */
  readonly upTo: number | null;
  readonly count: number;
}

const BAR = 22;
const HEIGHT = 56;

export function Histogram({ label, buckets }: { label: string; buckets: readonly Bucket[] }): JSX.Element {
  const most = Math.max(1, ...buckets.map(({ count: amount }) => amount));
  const width = Math.max(1, buckets.length) * BAR;
  const bound = (upTo: number | null): string => (upTo === null ? '∞' : duration(upTo));
  return (
    <figure class="chart">
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        class="histogram"
        role="img"
        aria-label={label}
        preserveAspectRatio="none"
      >
        <path d={`M0 ${HEIGHT - 0.5}h${width}`} stroke="var(--line-strong)" />
        {buckets.map((bucket, at) => {
          const height = Math.max(bucket.count === 0 ? 0 : 2, (bucket.count / most) * (HEIGHT - 4));
          return (
            <rect
              key={at}
              x={at * BAR + 2}
              y={HEIGHT - 1 - height}
              width={BAR - 4}
              height={height}
              fill="var(--brand)"
            >
              <title>{`≤ ${bound(bucket.upTo)}: ${count(bucket.count)}`}</title>
            </rect>
          );
        })}
      </svg>
      <div class="chart-axis">
        <span>{buckets[0] === undefined ? '' : `≤ ${bound(buckets[0].upTo)}`}</span>
        <span>{buckets.length === 0 ? '' : `≤ ${bound(buckets.at(-1)!.upTo)}`}</span>
      </div>
    </figure>
  );
}

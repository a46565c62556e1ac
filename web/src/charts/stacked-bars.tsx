// Counts over time as stacked bars: one bar a moment, one band a kind, each kind with a pattern of its own
// besides its colour. The same numbers are there as a table for whoever cannot see the picture.

import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { clock, count } from '../format.ts';
import { texts } from '../texts/index.ts';

export interface Band {
  readonly key: string;
  readonly label: string;
  /** A custom property of the style sheet, e.g. `--blocked`. */
  readonly colour: string;
}

export interface Moment {
  /** ISO 8601, or milliseconds. */
  readonly at: string | number;
  readonly counts: Readonly<Record<string, number>>;
}

const WIDTH = 720;
const HEIGHT = 150;
const FOOT = 18;
const PATTERNS = ['', 'M0 6 6 0', 'M0 3h6', 'M3 0v6', 'M0 0 6 6', 'M1 1h2v2H1z'] as const;

export function StackedBars({
  label,
  bands,
  moments,
}: {
  label: string;
  bands: readonly Band[];
  moments: readonly Moment[];
}): JSX.Element {
  const id = useId();
  const totals = moments.map(({ counts }) => bands.reduce((sum, { key }) => sum + (counts[key] ?? 0), 0));
  const most = Math.max(1, ...totals);
  const width = WIDTH / Math.max(1, moments.length);
  const scale = (HEIGHT - FOOT) / most;
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} preserveAspectRatio="none">
        <defs>
          {bands.map(({ colour }, at) => (
            <pattern id={`${id}-${at}`} width="6" height="6" patternUnits="userSpaceOnUse" key={at}>
              <rect width="6" height="6" fill={`var(${colour})`} />
              <path d={PATTERNS[at % PATTERNS.length]} stroke="var(--panel)" stroke-width="1.4" fill="none" />
            </pattern>
          ))}
        </defs>
        <path d={`M0 ${HEIGHT - FOOT}.5h${WIDTH}`} stroke="var(--line-strong)" />
        {moments.map((moment, at) => {
          let bottom = HEIGHT - FOOT;
          return bands.map(({ key }, band) => {
            const height = (moment.counts[key] ?? 0) * scale;
            if (height === 0) return null;
            bottom -= height;
            return (
              <rect
                key={`${at}-${key}`}
                x={at * width + width * 0.08}
                y={bottom}
                width={width * 0.84}
                height={height}
                fill={`url(#${id}-${band})`}
              />
            );
          });
        })}
      </svg>
      <div class="chart-axis">
        <span>{moments[0] === undefined ? '' : clock(moments[0].at)}</span>
        <span>{texts.charts.most(count(most))}</span>
        <span>{moments.length === 0 ? '' : clock(moments.at(-1)!.at)}</span>
      </div>
      <ul class="legend">
        {bands.map(({ key, label: name }, at) => (
          <li key={key}>
            <svg viewBox="0 0 14 14" aria-hidden="true">
              <rect width="14" height="14" rx="2" fill={`url(#${id}-${at})`} />
            </svg>
            {name} <strong>{count(moments.reduce((sum, { counts }) => sum + (counts[key] ?? 0), 0))}</strong>
          </li>
        ))}
      </ul>
    </figure>
  );
}

// The way of a transaction between client, proxy, gateway and web server. A line that was not gone is dashed;
// where content was stopped, a line with a bar leads back to the client.

import type { JSX } from 'preact';
import { texts } from '../../texts/index.ts';
import type { Step, StepState } from './steps.ts';

const COLOURS: Readonly<Record<StepState, string>> = {
  fine: 'var(--brand)',
  stopped: 'var(--blocked)',
  changed: 'var(--modified)',
  failed: 'var(--error)',
  idle: 'var(--line-strong)',
};

interface BoxProps {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly name: string;
  readonly about: string;
}

const Box = ({ x, y, width, name, about }: BoxProps): JSX.Element => (
  <g>
    <rect x={x} y={y} width={width} height="74" rx="8" class="flow-box" />
    <text x={x + width / 2} y={y + 32} class="flow-name">
      {name}
    </text>
    <text x={x + width / 2} y={y + 53} class="flow-about">
      {about}
    </text>
  </g>
);

function Way({ step, d, stop = false }: { step: Step; d: string; stop?: boolean }): JSX.Element {
  const colour = COLOURS[step.state];
  return (
    <path
      d={d}
      fill="none"
      stroke={colour}
      stroke-width="2.4"
      stroke-dasharray={step.state === 'idle' ? '5 5' : undefined}
      marker-end={`url(#${stop ? 'flow-stop' : 'flow-tip'}-${step.state})`}
    />
  );
}

function Dot({ step, number, x, y }: { step: Step; number: number; x: number; y: number }): JSX.Element {
  return (
    <g>
      <circle
        cx={x}
        cy={y}
        r="12"
        fill={step.state === 'idle' ? 'var(--panel)' : COLOURS[step.state]}
        stroke={COLOURS[step.state]}
      />
      <text x={x} y={y + 4.5} class={step.state === 'idle' ? 'flow-number idle' : 'flow-number'}>
        {number}
      </text>
    </g>
  );
}

export function FlowPicture({
  steps,
  originAsked,
}: {
  steps: readonly Step[];
  originAsked: boolean;
}): JSX.Element {
  const [one, two, three, four, five, six] = steps as [Step, Step, Step, Step, Step, Step];
  const { boxes, states } = texts.transaction;
  const stopped = six.state === 'stopped' || six.state === 'failed';
  return (
    <svg
      viewBox="0 0 960 262"
      class="flow"
      role="img"
      aria-label={texts.transaction.picture(states[five.state])}
    >
      <defs>
        {Object.entries(COLOURS).map(([state, colour]) => (
          <>
            <marker
              id={`flow-tip-${state}`}
              viewBox="0 0 10 10"
              refX="9"
              refY="5"
              markerWidth="9"
              markerHeight="9"
              markerUnits="userSpaceOnUse"
              orient="auto"
            >
              <path d="M0 0 10 5 0 10z" fill={colour} />
            </marker>
            <marker
              id={`flow-stop-${state}`}
              viewBox="0 0 10 14"
              refX="5"
              refY="7"
              markerWidth="10"
              markerHeight="14"
              markerUnits="userSpaceOnUse"
              orient="auto"
            >
              <path d="M5 0v14" stroke={colour} stroke-width="4" />
            </marker>
          </>
        ))}
      </defs>
      <Way step={one} d="M170 62H358" />
      <Way step={stopped ? { state: originAsked ? 'fine' : 'idle', facts: [] } : six} d="M600 76H788" />
      {stopped && <Way step={six} d="M358 100H172" />}
      <Way step={three} d="M440 122V176" />
      <Way step={five} d="M520 178V124" />
      <Box x={20} y={44} width={150} name={boxes.client[0]} about={boxes.client[1]} />
      <Box x={360} y={44} width={240} name={boxes.proxy[0]} about={boxes.proxy[1]} />
      <Box x={790} y={44} width={150} name={boxes.server[0]} about={boxes.server[1]} />
      <Box x={360} y={178} width={240} name={boxes.gateway[0]} about={boxes.gateway[1]} />
      <Dot step={one} number={1} x={264} y={62} />
      <Dot step={two} number={2} x={386} y={62} />
      <Dot step={three} number={3} x={440} y={146} />
      <Dot step={four} number={4} x={386} y={200} />
      <Dot step={five} number={5} x={520} y={152} />
      <Dot step={six} number={6} x={stopped ? 264 : 694} y={stopped ? 100 : 76} />
    </svg>
  );
}

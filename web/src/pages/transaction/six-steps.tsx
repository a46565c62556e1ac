// The six steps of the workflow: a picture of the way that this transaction went, and under it what was seen
// at each step. The picture repeats the cards, so narrow screens and screen readers do without it.

import type { JSX } from 'preact';
import type { TransactionReply } from '../../api/types.ts';
import { Facts } from '../../components/panel.tsx';
import { texts } from '../../texts/index.ts';
import { FlowPicture } from './flow-picture.tsx';
import { stepsOf } from './steps.ts';

export function SixSteps({ reply }: { reply: TransactionReply }): JSX.Element | null {
  const steps = stepsOf(reply);
  if (steps === null) return null;
  const words = texts.transaction;
  return (
    <section class="panel" aria-labelledby="six-steps">
      <div class="panel-head">
        <h2 id="six-steps">{words.sixSteps}</h2>
      </div>
      <FlowPicture steps={steps} originAsked={reply.trace?.origin != null} />
      <ol class="steps">
        {steps.map(({ state, facts }, at) => (
          <li key={at} class={`step ${state}`}>
            <h3>
              <span class="step-dot" aria-hidden="true">
                {at + 1}
              </span>
              {words.steps[at]}
            </h3>
            <p class="step-state">{words.states[state]}</p>
            <Facts facts={facts} />
          </li>
        ))}
      </ol>
    </section>
  );
}

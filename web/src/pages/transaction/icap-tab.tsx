// What was said over ICAP: each rule that was looked at, each service that was asked, each attempt with its two
// messages.

import type { JSX } from 'preact';
import type { TracedService, TracedStep, TransactionReply } from '../../api/types.ts';
import { Facts } from '../../components/panel.tsx';
import { VerdictMark } from '../../components/verdict.tsx';
import { duration } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import { BladeTable } from './blade-table.tsx';
import { IcapBytes } from './icap-bytes.tsx';
import { IcapExchange } from './icap-exchange.tsx';

export function IcapTab({ reply }: { reply: TransactionReply }): JSX.Element {
  const { trace } = reply;
  const words = texts.transaction.icap;
  if (trace === null) return <p class="muted">{words.none}</p>;
  const steps = [
    ...trace.reqmod.map((step) => ['REQMOD', step] as const),
    ...trace.respmod.map((step) => ['RESPMOD', step] as const),
  ];
  if (steps.length === 0) return <p class="muted">{words.none}</p>;
  return (
    <>
      {steps.map(([method, step], at) => (
        <Step key={at} method={method} step={step} />
      ))}
      {(reply.capture?.icap ?? []).map((exchange, at) => (
        <IcapBytes key={at} exchange={exchange} />
      ))}
    </>
  );
}

function Step({ method, step }: { method: string; step: TracedStep }): JSX.Element {
  const words = texts.transaction.icap;
  const { use, rule, skipped, answer, services } = step;
  return (
    <section class="icap-step stack">
      <div class="row">
        <h3>{`${method} ${use}`}</h3>
        {skipped !== null ? (
          <span class="tag">{words.skipped(skipped)}</span>
        ) : (
          answer !== null && <VerdictMark verdict={answer.verdict} />
        )}
      </div>
      <Facts
        facts={[
          [words.rule, rule === null ? null : <code>{`${rule.path}: ${rule.text}`}</code>],
          [words.answer, answer === null ? null : `ICAP ${answer.icapStatus}`],
          [words.message, answer?.startLine ?? null],
        ]}
      />
      {services.map((service, at) => (
        <Asked key={at} service={service} />
      ))}
    </section>
  );
}

function Asked({ service }: { service: TracedService }): JSX.Element {
  const words = texts.transaction.icap;
  const { service: name, ms, error, after, decided, attempts, blades = [] } = service;
  return (
    <>
      <Facts
        facts={[
          [words.service, `${name}, ${duration(ms)}`],
          [words.error, error === null ? null : `${error.code}: ${error.message}`],
          [words.remedy, error?.remedy],
          [words.after, after === null ? null : words.afters[after]],
          [words.decided, decided === null ? null : <code>{decided}</code>],
        ]}
      />
      {blades.length > 0 && <BladeTable blades={blades} />}
      {attempts.length === 0 && <p class="muted">{words.inProcess}</p>}
      {attempts.map((exchange, at) => (
        <IcapExchange key={at} exchange={exchange} />
      ))}
    </>
  );
}

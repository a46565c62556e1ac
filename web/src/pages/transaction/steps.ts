// What a trace says of each of the six steps of the workflow: whether it was reached, how it went, and what was
// seen there. How that is drawn is six-steps.tsx's business.

import type { TracedStep, TraceRecord, TransactionReply } from '../../api/types.ts';
import { bytes, duration } from '../../format.ts';
import { texts } from '../../texts/index.ts';

/** `idle`: not reached, or not needed. */
export type StepState = 'fine' | 'stopped' | 'changed' | 'failed' | 'idle';

export interface Step {
  readonly state: StepState;
  readonly facts: readonly (readonly [name: string, value: string])[];
}

type Fact = readonly [name: string, value: string | number | null | undefined];

const words = texts.transaction.facts;

/** @returns six, in order; null where no trace was kept */
export function stepsOf({ trace, incident }: TransactionReply): readonly Step[] | null {
  if (trace === null) return null;
  const asked = [...trace.reqmod, ...trace.respmod].filter(({ skipped }) => skipped === null);
  const judged = judgement(asked);
  const threat = trace.threat;
  return [
    step('fine', [
      [words.client, trace.client.address],
      [words.user, trace.client.user],
      [words.request, trace.request.method],
      [words.sent, trace.request.bytes > 0 ? bytes(trace.request.bytes) : null],
    ]),
    step(decryption(trace), [
      [words.tls, trace.tls === null ? words.noTls : trace.tls.action],
      [words.version, [trace.tls?.version, trace.tls?.alpn].filter(Boolean).join(', ')],
      [words.sni, trace.tls?.sni],
      [words.rule, trace.tls?.rule?.text],
    ]),
    step(asked.length === 0 ? 'idle' : failedAny(asked) ? 'failed' : 'fine', [
      [words.asked, asked.length === 0 ? words.nobody : null],
      ...asked.map((one, at) => [nameOf(trace, one, at), sentOf(one)] as const),
    ]),
    step(asked.length === 0 ? 'idle' : failedAny(asked) ? 'failed' : 'fine', [
      [words.gateway, namesOf(asked)],
      [words.took, asked.length === 0 ? null : duration(tookOf(asked))],
    ]),
    step(judged, [
      ...asked.map((one, at) => [nameOf(trace, one, at), answerOf(one)] as const),
      [words.found, threat?.name],
      [words.blade, threat?.blade],
      [words.severity, threat?.severity],
      [words.incident, incident?.id ?? trace.incident],
    ]),
    step(ending(trace), [
      [words.origin, trace.origin?.authority ?? words.notAsked],
      [words.address, [trace.origin?.address, trace.origin?.tls].filter(Boolean).join(', ')],
      [words.originSaid, trace.origin?.status],
      [words.userGot, words.answer[trace.answer.from]],
      [words.status, trace.answer.status === 0 ? null : trace.answer.status],
    ]),
  ];
}

function step(state: StepState, facts: readonly Fact[]): Step {
  const known = facts.flatMap(([name, value]) =>
    value === null || value === undefined || value === '' ? [] : [[name, String(value)] as const],
  );
  return { state, facts: known };
}

function decryption({ tls }: TraceRecord): StepState {
  if (tls === null) return 'idle';
  if (tls.action === 'bump') return 'fine';
  return tls.action === 'terminate' ? 'stopped' : 'idle';
}

function judgement(asked: readonly TracedStep[]): StepState {
  const verdicts = asked.map(({ answer }) => answer?.verdict ?? 'error');
  if (verdicts.length === 0) return 'idle';
  if (verdicts.includes('blocked')) return 'stopped';
  if (verdicts.includes('error')) return 'failed';
  return verdicts.includes('modified') ? 'changed' : 'fine';
}

function ending({ verdict, origin, error }: TraceRecord): StepState {
  if (verdict === 'blocked') return 'stopped';
  if (verdict === 'error' || error !== null || (origin?.error ?? null) !== null) return 'failed';
  return verdict === 'modified' ? 'changed' : 'fine';
}

const failedAny = (asked: readonly TracedStep[]): boolean =>
  asked.some(({ services }) => services.some(({ error }) => error !== null));

const namesOf = (asked: readonly TracedStep[]): string =>
  [...new Set(asked.flatMap(({ services }) => services.map(({ service }) => service)))].join(', ');

const tookOf = (asked: readonly TracedStep[]): number =>
  asked.reduce((sum, { services }) => sum + services.reduce((all, { ms }) => all + ms, 0), 0);

function nameOf(trace: TraceRecord, one: TracedStep, at: number): string {
  const method = trace.reqmod.includes(one) ? 'REQMOD' : 'RESPMOD';
  return at === 0 ? method : `${method} `;
}

function sentOf({ use, services }: TracedStep): string {
  const preview = services.flatMap(({ attempts }) => attempts).at(-1)?.preview ?? null;
  return preview === null ? use : `${use}, ${words.preview(bytes(preview))}`;
}

function answerOf({ answer }: TracedStep): string {
  if (answer === null) return words.noAnswer;
  return `${answer.icapStatus} ${texts.transaction.icapAnswers[answer.verdict] ?? answer.verdict}`;
}

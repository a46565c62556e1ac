// Checks with several connections at once, and how long answers take. Not a load test: 16 connections
// and a few dozen short messages; only with --intrusive as many as the server says it supports.

import type { CheckContext, Exchanged } from '../context.ts';
import { messageOf } from '../../../errors.ts';
import { announcesClose, difference, outcomeOf, problemOf, right, skip, told, wrong } from '../judge.ts';
import { SAMPLE_URL, requestSection } from '../message.ts';
import { text } from '../samples.ts';
import type { Check, Finding } from '../types.ts';

const MAX_AT_ONCE = 16; // connections, without --intrusive
const MAX_INTRUSIVE = 256;
const SAMPLES = 20;
const CLIENT = /client-\d+-of-\d+/g;

export const loadChecks: readonly Check[] = [
  {
    id: 'load.at-once',
    group: 'load',
    level: 'should',
    needs: 'message',
    title: 'serves several clients at once',
    clause: 'RFC 3507 §4.1',
    sends: 'Different messages on 16 connections at once (Max-Connections if that is less).',
    means: 'Some clients wait in vain as soon as there are several.',
    run: async (context) => allAnswered(await sixteen(context), context),
  },
  {
    id: 'load.own-content',
    group: 'load',
    level: 'must',
    needs: 'message',
    title: 'gives each client its own content',
    clause: 'RFC 3507 §4.1',
    sends: 'The same; compares what each client got with what it had sent.',
    means: 'Users get content of other users.',
    async run(context) {
      const exchanges = answered(await sixteen(context));
      const foreign = exchanges.flatMap((exchanged) => foreignName(exchanged) ?? []);
      if (foreign.length > 0) return wrong(`content of ${foreign[0]} reached another`);
      return right(`${exchanges.length} answers`);
    },
  },
  {
    id: 'load.max-connections',
    group: 'load',
    level: 'should',
    needs: 'message',
    intrusive: true,
    title: 'serves as many connections as Max-Connections says',
    clause: 'RFC 3507 §4.10.2 (Max-Connections)',
    sends: 'Different messages on Max-Connections connections at once, 256 at most.',
    means: 'Clients that keep to the limit are refused all the same.',
    async run(context) {
      const { maxConnections } = context.facts;
      if (maxConnections === null) return skip('no Max-Connections');
      return allAnswered(await together(context, Math.min(MAX_INTRUSIVE, maxConnections)), context);
    },
  },
  {
    id: 'load.latency-options',
    group: 'load',
    level: 'info',
    needs: 'options',
    title: 'how long OPTIONS takes',
    clause: '—',
    sends: `OPTIONS ${SAMPLES} times, one after the other.`,
    means: 'Nothing by itself: compare with the network.',
    run: (context) => latency(context, () => context.options()),
  },
  {
    id: 'load.latency-message',
    group: 'load',
    level: 'info',
    needs: 'message',
    title: 'how long a message of 1 KiB takes',
    clause: '—',
    sends: `A text of 1 KiB with \`Allow: 204\` ${SAMPLES} times, one after the other.`,
    means: 'Every page waits at least this long.',
    run: (context) => latency(context, () => context.message({ allow: '204', body: text(1024) })),
  },
];

type Result = PromiseSettledResult<Exchanged>;

function sixteen(context: CheckContext): Promise<readonly Result[]> {
  const count = Math.min(MAX_AT_ONCE, context.facts.maxConnections ?? MAX_AT_ONCE);
  return context.once('at-once', (it) => together(it, count));
}

/** A message of its own on each of so many connections, all at the same time. */
function together(context: CheckContext, count: number): Promise<readonly Result[]> {
  const width = Math.min(count, context.settings.maxConcurrency);
  const one = async (name: string): Promise<Exchanged> => {
    const body = text(1500, name);
    const requestHead = requestSection(context.facts.primary, body, `${SAMPLE_URL}?${name}`);
    const exchanged = await context.exchange(context.message({ body, requestHead }));
    exchanged.dialogue.close(); // a server with fewer handlers turns to the next
    return exchanged;
  };
  return Promise.allSettled(Array.from({ length: width }, (_, index) => one(`client-${index}-of-${width}`)));
}

function answered(results: readonly Result[]): Exchanged[] {
  const exchanges = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  return exchanges.filter(({ final }) => problemOf(final) === null);
}

/** Name of another client in what one got; null where there is none. */
function foreignName({ final, outgoing }: Exchanged): string | null {
  const got = final.kind === 'response' ? final.response.body : null;
  const names = got?.toString('latin1').match(CLIENT) ?? [];
  return names.find((name) => !outgoing.body!.includes(name)) ?? null;
}

function allAnswered(results: readonly Result[], { facts }: CheckContext): Finding {
  const problems = results.flatMap((result): string[] => {
    if (result.status === 'rejected') return [messageOf(result.reason)];
    const outcome = outcomeOf(result.value);
    if (outcome.kind === 'refused') return [outcome.why];
    return outcome.kind === 'changed' && facts.plain.kind !== 'changed' ? [difference(result.value)] : [];
  });
  const [first] = problems;
  if (first === undefined) return right(`${results.length} at once`);
  const good = results.length - problems.length;
  return wrong(`${good} of ${results.length} were answered as they should be; one of the others: ${first}`);
}

async function latency(context: CheckContext, make: () => Exchanged['outgoing']): Promise<Finding> {
  const times: number[] = [];
  let dialogue = await context.open();
  let closing = false;
  const enoughAt = performance.now() + 3 * context.patienceMs; // a sandbox that thinks gets fewer
  while (times.length < SAMPLES && (times.length < 3 || performance.now() < enoughAt)) {
    if (closing || dialogue.closedByPeer) dialogue = await context.open();
    const startedAt = performance.now();
    const { final } = await context.exchange(make(), dialogue);
    if (final.kind !== 'response') return wrong(told(final));
    closing = announcesClose(final);
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const [p50, p90, max] = [at(times, 0.5), at(times, 0.9), times.at(-1)!];
  const saw = `median ${round(p50)} ms, 90 % within ${round(p90)} ms, longest ${round(max)} ms`;
  return right(saw, { p50: round(p50), p90: round(p90), max: round(max) });
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)]!;
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

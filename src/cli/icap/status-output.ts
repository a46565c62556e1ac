// The services of a running Weir as a table for people: state first, then what is wrong with those that are
// not up, and what to do.

import type { ServiceReport, ServicesReport } from '../../dashboard/status.ts';
import type { OutputStream } from '../terminal.ts';
import { painter, visible } from './text.ts';

const COLOUR = { up: 'green', probing: 'yellow', suspended: 'red', down: 'red' } as const;

/** Lines without line ends; coloured where `stream` is a terminal. */
export function statusLines(
  { services, steps }: ServicesReport,
  stream: OutputStream,
  now: number = Date.now(),
): string[] {
  if (services.length === 0) return ['No rule uses an ICAP service: nothing is scanned.'];
  const paint = painter(stream);
  const nameWidth = Math.max(...services.map(({ name }) => name.length));
  const outliers = new Set(steps.flatMap((step) => step.outliers));
  return services.flatMap((service) => {
    const { name, state, since, url, inProcess, cause } = service;
    const facts = [
      `for ${ageText(now - Date.parse(since))}`,
      inProcess ? 'in process' : connectionsText(service),
    ];
    if (outliers.has(name)) facts.push('asked last: far worse than the others of its group');
    const head = `${paint(COLOUR[state] ?? 'yellow', state.padEnd(9))}  ${visible(name).padEnd(nameWidth)}  ${visible(url)}`;
    const lines = [head, `           ${facts.join(', ')}`];
    if (cause !== null) {
      lines.push(
        `           ${visible(cause.message)} (${visible(cause.code)}); messages: ${service.onError}`,
      );
      lines.push(`           ${nextTryText(service, now)}; ${visible(cause.remedy)}`);
    }
    return lines;
  });
}

function connectionsText({ connections }: ServiceReport): string {
  if (connections === null) return 'no connections';
  const { open, idle, waiting, max } = connections;
  return `${open} of ${max} connections, ${idle} idle${waiting === 0 ? '' : `, ${waiting} messages wait`}`;
}

function nextTryText({ nextTry }: ServiceReport, now: number): string {
  if (nextTry === null) return 'being tried';
  return `next try in ${ageText(Math.max(0, Date.parse(nextTry) - now))}`;
}

/** `3 s`, `5 min`, `2 h`, `4 d`. */
function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

// The status page of the gateway's /info service: what it offers, which blades are loaded, what it has
// counted. It shows what it is given; what may be told to whom, the gateway decides.

import type { PageAudience } from './audience.ts';
import { html, shown, type Html } from './escape.ts';
import { htmlDocument, fillHtml, isoTime, renderPage, timeText, type Page } from './page.ts';
import { fill, textOf, type TextId } from './texts.ts';

export interface InfoPageInput {
  readonly version: string;
  readonly services: readonly {
    readonly path: string;
    readonly methods: readonly string[];
    /** Null or absent where the service runs no blades, e.g. /echo. */
    readonly profile?: string | null;
    readonly istag: string;
  }[];
  readonly blades: readonly { readonly name: string; readonly fingerprint: string }[];
  readonly startedAt: Date;
  readonly counters: Readonly<Record<string, number>>;
  /** The gateway's worker processes; empty or absent where it runs in one. */
  readonly processes?: readonly InfoProcess[];
}

export interface InfoProcess {
  readonly pid: number;
  readonly phase: string;
  readonly generation: number;
  readonly startedAt: Date;
  readonly connections: number;
  /** Handlers with and without a request. */
  readonly busy: number;
  readonly free: number;
  readonly memoryBytes: number;
}

const MAX_ROWS = 200; // of each table; what a sane configuration never reaches
const MAX_METHODS = 10; // of one service; ICAP has three
const MAX_CELL = 100; // characters
const MIB = 1024 * 1024;

/** The 200 response of /info; same guarantees as `blockPage`, without an incident. */
export function infoPage(input: InfoPageInput, audience: PageAudience): Page {
  const title = textOf('info.title');
  const lead = textOf('info.lead');
  const facts = factsOf(input);
  const { version, since } = facts;
  const tables = tablesOf(facts);

  return renderPage(
    200,
    'OK',
    {
      html: () =>
        htmlDocument(
          'info',
          title,
          html`<p class="lead">${fillHtml(lead, { version: html`${version}`, since: html`${since}` })}</p>
            ${tables.map(tableSection)}`,
        ),
      json: () => ({
        product: 'Weir',
        version,
        startedAt: isoTime(input.startedAt),
        services: facts.services,
        blades: facts.blades,
        counters: Object.fromEntries(facts.counters),
        ...(facts.processes.length === 0 ? {} : { processes: facts.processes }),
      }),
      text: () => `${title}\n\n${fill(lead, { version, since })}\n${tables.map(tableLines).join('')}`,
    },
    audience,
    null,
  );
}

/** The input as it may be shown: each text cut and made visible, each list bounded. */
function factsOf({ version, services, blades, startedAt, counters, processes = [] }: InfoPageInput) {
  const cell = (text: string): string => shown(text, MAX_CELL);
  return {
    version: shown(version, 32),
    since: timeText(startedAt),
    services: services.slice(0, MAX_ROWS).map(({ path, methods, profile, istag }) => ({
      path: cell(path),
      methods: methods.slice(0, MAX_METHODS).map(cell),
      profile: typeof profile === 'string' ? cell(profile) : null,
      istag: cell(istag),
    })),
    blades: blades.slice(0, MAX_ROWS).map(({ name, fingerprint }) => ({
      name: cell(name),
      fingerprint: cell(fingerprint),
    })),
    counters: Object.entries(counters)
      .slice(0, MAX_ROWS)
      .map(([name, value]): [string, number] => [cell(name), value]),
    processes: processes.slice(0, MAX_ROWS).map(({ startedAt: since, phase, ...numbers }) => ({
      pid: numbers.pid,
      phase: cell(phase),
      generation: numbers.generation,
      startedAt: isoTime(since) ?? '',
      connections: numbers.connections,
      busy: numbers.busy,
      free: numbers.free,
      memoryBytes: numbers.memoryBytes,
    })),
  };
}

type Facts = ReturnType<typeof factsOf>;

interface Table {
  readonly id: string;
  readonly heading: TextId;
  readonly none: TextId;
  readonly columns: readonly TextId[];
  readonly rows: readonly (readonly string[])[];
  /** True where the last column holds numbers. */
  readonly numeric: boolean;
}

function tablesOf({ services, blades, counters, processes }: Facts): Table[] {
  const processTable: Table = {
    id: 'processes',
    heading: 'info.processes',
    none: 'info.processes.none',
    columns: [
      'info.process.pid',
      'info.process.phase',
      'info.process.generation',
      'info.process.since',
      'info.process.connections',
      'info.process.busy',
      'info.process.free',
      'info.process.memory',
    ],
    rows: processes.map(({ pid, phase, generation, startedAt, connections, busy, free, memoryBytes }) => [
      ...[`${pid}`, phase, `${generation}`, startedAt, `${connections}`, `${busy}`, `${free}`],
      `${Math.round(memoryBytes / MIB)} MiB`,
    ]),
    numeric: true,
  };
  return [
    {
      id: 'services',
      heading: 'info.services',
      none: 'info.services.none',
      columns: ['info.service.path', 'info.service.methods', 'info.service.profile', 'info.service.istag'],
      rows: services.map(({ path, methods, profile, istag }) => [
        path,
        methods.join(', '),
        profile ?? '–',
        istag,
      ]),
      numeric: false,
    },
    {
      id: 'blades',
      heading: 'info.blades',
      none: 'info.blades.none',
      columns: ['info.blade.name', 'info.blade.fingerprint'],
      rows: blades.map(({ name, fingerprint }) => [name, fingerprint]),
      numeric: false,
    },
    {
      id: 'counters',
      heading: 'info.counters',
      none: 'info.counters.none',
      columns: ['info.counter.name', 'info.counter.value'],
      rows: counters.map(([name, value]) => [name, value.toLocaleString('en-US')]),
      numeric: true,
    },
    ...(processes.length === 0 ? [] : [processTable]),
  ];
}

function tableSection({ id, heading, none, columns, rows, numeric }: Table): Html {
  const last = columns.length - 1;
  const kind = (index: number): string => (numeric && index === last ? 'number' : 'plain');
  const head = columns.map(
    (column, index) => html`<th scope="col" class="${kind(index)}">${textOf(column)}</th>`,
  );
  const body = rows.map(
    (row) =>
      html`<tr>
        ${row.map((cell, index) => html`<td class="${kind(index)}"><bdi>${cell}</bdi></td>`)}
      </tr> `,
  );
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${textOf(heading)}</h2>
    ${
      rows.length === 0
        ? html`<p>${textOf(none)}</p>`
        : html`<div class="scroll">
            <table>
              <thead>
                <tr>
                  ${head}
                </tr>
              </thead>
              <tbody>
                ${body}
              </tbody>
            </table>
          </div>`
    }
  </section>`;
}

function tableLines({ heading, none, rows }: Table): string {
  const lines = rows.map((row) => `  ${row.join('  ')}\n`).join('');
  return `\n${textOf(heading)}\n${lines || `  ${textOf(none)}\n`}`;
}

// Numbers, moments and names as people read them. Nothing here knows what they mean.

const WHOLE = new Intl.NumberFormat('en');
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function count(value: number): string {
  return WHOLE.format(value);
}

/** @param value bytes */
export function bytes(value: number): string {
  let unit = 0;
  let shown = value;
  while (shown >= 1024 && unit < UNITS.length - 1) {
    shown /= 1024;
    unit += 1;
  }
  return `${unit === 0 || shown >= 100 ? Math.round(shown) : shown.toFixed(1)} ${UNITS[unit]!}`;
}

/** @param ms milliseconds */
export function duration(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  if (ms < 10_000) return `${WHOLE.format(Math.round(ms))} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

export function clock(moment: string | number): string {
  return CLOCK.format(new Date(moment));
}

export function dateTime(moment: string | number): string {
  return DATE.format(new Date(moment));
}

export interface UrlParts {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
}

/** The parts of a URL that a row shows apart; a text that is no URL is all path. */
export function urlParts(url: string): UrlParts {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(url);
  if (match === null) return { scheme: '', host: '', path: url };
  return { scheme: match[1]!, host: match[2]!, path: match[3] === '' ? '/' : match[3]! };
}

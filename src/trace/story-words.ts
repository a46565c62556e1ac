// How a story of a transaction says times and sizes, and what it makes of text that others wrote.

/** @param digits  behind the point of seconds */
export function duration(ms: number, digits = 2): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(digits)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

export function bytes(count: number): string {
  return count < 10_000 ? `${count} B` : `${Math.round(count / 1024)} KiB`;
}

/** Nothing that could steer a terminal. */
export function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

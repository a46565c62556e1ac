// Weekly times in a time zone: is it now? The answer is worked out once a minute for each zone, not for
// each request.

export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Day = (typeof DAYS)[number];

export interface Schedule {
  readonly days: readonly Day[];
  /** Minutes since midnight; `to` before `from` goes over midnight, and the days are those it begins on. */
  readonly hours: readonly { readonly from: number; readonly to: number }[];
  /** IANA name, e.g. `Europe/Berlin`. */
  readonly timeZone: string;
}

const MINUTE_MS = 60_000;
const zones = new Map<string, ZoneClock>();

/** Whether a moment lies within the schedule. @param at milliseconds since 1970 */
export function isWithin(schedule: Schedule, at: number): boolean {
  const { day, minute } = clockOf(schedule.timeZone).read(at);
  const today = schedule.days.includes(DAYS[day]!);
  const yesterday = schedule.days.includes(DAYS[(day + 6) % 7]!);
  return schedule.hours.some(({ from, to }) =>
    from < to
      ? today && minute >= from && minute < to
      : (today && minute >= from) || (yesterday && minute < to),
  );
}

function clockOf(timeZone: string): ZoneClock {
  let clock = zones.get(timeZone);
  if (clock === undefined) zones.set(timeZone, (clock = new ZoneClock(timeZone)));
  return clock;
}

class ZoneClock {
  readonly #format: Intl.DateTimeFormat;
  #minuteOfEpoch = NaN;
  #read = { day: 0, minute: 0 };

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  }

  read(at: number): { readonly day: number; readonly minute: number } {
    const minuteOfEpoch = Math.floor(at / MINUTE_MS);
    if (minuteOfEpoch !== this.#minuteOfEpoch) {
      const parts = new Map(this.#format.formatToParts(at).map(({ type, value }) => [type, value]));
      const day = DAYS.indexOf(parts.get('weekday')!.toLowerCase() as Day);
      this.#read = { day, minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) };
      this.#minuteOfEpoch = minuteOfEpoch;
    }
    return this.#read;
  }
}

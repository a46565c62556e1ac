// Which members of a group are asked last because they do far worse than their siblings. Looks only at
// answers of the group itself; a member that is known to be down, its client knows (icap/client/health.ts).

/** Answers of a member that are looked at: the latest ones. */
const KEPT = 64;
const WINDOW_MS = 30_000;
/** A member with fewer answers in the window is not judged, and no measure for others. */
const LEAST = 20;
/** Out: so much more of its messages fail than of its siblings' … */
const FAILURE_MARGIN = 0.3;
/** … or its p95 is so many times theirs, and so much more. */
const SLOW_FACTOR = 4;
const SLOW_MARGIN_MS = 100;
/** Doubled each time in a row, up to the second. */
const OUT_MS = 30_000;
const MAX_OUT_MS = 300_000;
/** Judged after so long, or so many answers. */
const JUDGE_EVERY_MS = 1000;
const JUDGE_EVERY = 32;

interface Sample {
  readonly at: number;
  readonly ms: number;
  readonly failed: boolean;
}

interface Member {
  samples: Sample[];
  next: number;
  outUntil: number;
  outMs: number;
}

interface Summary {
  readonly count: number;
  readonly failureRate: number;
  readonly p95: number;
}

export class OutlierWatch {
  readonly #members: readonly Member[];
  readonly #now: () => number;
  #judgedAt = -Infinity;
  #notJudged = 0; // answers since then
  #p95: number | null = null;

  /** @param now  milliseconds on a steady clock */
  constructor(members: number, now: () => number = () => performance.now()) {
    this.#members = Array.from({ length: members }, () => ({
      samples: [],
      next: 0,
      outUntil: -Infinity,
      outMs: OUT_MS,
    }));
    this.#now = now;
  }

  /** Notes how one message went. `failed`: for a reason that lies with the member. */
  note(index: number, ms: number, failed: boolean): void {
    const member = this.#members[index]!;
    const at = this.#now();
    member.samples[member.next] = { at, ms, failed };
    member.next = (member.next + 1) % KEPT;
    if (at - this.#judgedAt < JUDGE_EVERY_MS && ++this.#notJudged < JUDGE_EVERY) return;
    this.#judgedAt = at;
    this.#notJudged = 0;
    this.#judge(at);
  }

  /** True while the member is asked last. */
  isOut(index: number): boolean {
    const { outUntil } = this.#members[index]!;
    return outUntil !== -Infinity && outUntil > this.#now();
  }

  /** Milliseconds within which 95 of 100 answers of the group come; null while too few are known. */
  get p95(): number | null {
    return this.#p95;
  }

  #judge(now: number): void {
    const all = this.#members.map(({ samples }) => summaryOf(samples, now));
    const answered = this.#members.flatMap(({ samples }) => samples.filter(({ failed }) => !failed));
    const group = summaryOf(answered, now);
    this.#p95 = group.count < LEAST ? null : group.p95;
    let out = this.#members.filter(({ outUntil }) => outUntil > now).length;
    const most = Math.floor(this.#members.length / 2);
    for (const [index, member] of this.#members.entries()) {
      if (member.outUntil > now) continue;
      const own = all[index]!;
      const siblings = all.filter((it, other) => other !== index && it.count >= LEAST);
      if (own.count < LEAST || siblings.length === 0) continue;
      if (!isOutlier(own, siblings)) {
        member.outMs = OUT_MS;
        continue;
      }
      if (out >= most) continue; // who is left has to carry all
      out++;
      member.outUntil = now + member.outMs;
      member.outMs = Math.min(member.outMs * 2, MAX_OUT_MS);
      member.samples = []; // judged anew when it is back
      member.next = 0;
    }
  }
}

function isOutlier(own: Summary, siblings: readonly Summary[]): boolean {
  const failureRate = siblings.reduce((sum, it) => sum + it.failureRate, 0) / siblings.length;
  if (own.failureRate - failureRate >= FAILURE_MARGIN) return true;
  const p95s = siblings.map(({ p95 }) => p95).sort((a, b) => a - b);
  const usual = p95s[Math.floor((p95s.length - 1) / 2)]!;
  return own.p95 >= usual * SLOW_FACTOR && own.p95 >= usual + SLOW_MARGIN_MS;
}

function summaryOf(samples: readonly Sample[], now: number): Summary {
  const recent = samples.filter(({ at }) => now - at <= WINDOW_MS);
  if (recent.length === 0) return { count: 0, failureRate: 0, p95: 0 };
  const times = recent.map(({ ms }) => ms).sort((a, b) => a - b);
  const failures = recent.filter(({ failed }) => failed).length;
  return {
    count: recent.length,
    failureRate: failures / recent.length,
    p95: times[Math.ceil(times.length * 0.95) - 1]!,
  };
}

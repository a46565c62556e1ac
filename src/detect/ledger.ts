// What unpacking may cost, and what went wrong while it ran. Every decoder and unpacker charges one
// ledger; trouble is noted here by name and never thrown, so that a caller can scan what did come out
// and still know what did not. What a trouble means for the message, the caller decides.

/** Limits of one walk through a message and all that is packed in it. */
export interface UnpackBudget {
  /** Members over all levels. */
  readonly maxMembers: number;
  /** Bytes that one compressed member, or one content coding, may add to what was sent. */
  readonly maxMemberBytes: number;
  /** Bytes that all of them may add together. */
  readonly maxTotalBytes: number;
  /** Bytes out for each byte in; looked at past `RATIO_GRACE_BYTES` of output only. */
  readonly maxRatio: number;
  /** How deep containers are opened: 1 opens an archive, 2 also an archive in it. */
  readonly maxDepth: number;
}

export const DEFAULT_BUDGET: UnpackBudget = {
  maxMembers: 10_000,
  maxMemberBytes: 512 * 2 ** 20,
  maxTotalBytes: 2 ** 30,
  maxRatio: 250,
  maxDepth: 4,
};

/** Small and very regular content (logs, sparse tables) packs well past any sensible ratio. */
const RATIO_GRACE_BYTES = 16 * 2 ** 20;
const MAX_TROUBLES = 50; // kept; more of them add nothing to a verdict

/**
 * - `encrypted`: needs a password
 * - `budget`: a limit was reached; `detail` names it
 * - `malformed`: damaged or truncated; what came before the damage was delivered
 * - `coding`: a Content-Encoding that is not known here, or broken within
 * - `unsupported`: an archive format or compression method that is not opened here
 * - `oversized`: of a format that is opened, but larger than its reader can hold
 */
export type TroubleKind = 'encrypted' | 'budget' | 'malformed' | 'coding' | 'unsupported' | 'oversized';

export interface Trouble {
  readonly kind: TroubleKind;
  /** Where: member path, `''` for the message body itself. */
  readonly path: string;
  readonly detail: string;
}

/** Charges one compressed stream; `take` answers whether the bytes may be delivered. */
export interface StreamMeter {
  take(outputBytes: number, inputBytesSoFar: number): boolean;
}

/** One walk's spending and troubles. */
export class Ledger {
  readonly budget: UnpackBudget;
  readonly troubles: Trouble[] = [];
  #members = 0;
  /** Bytes that unpacking added so far. */
  #growth = 0;
  #exhausted = false;

  constructor(budget: UnpackBudget = DEFAULT_BUDGET) {
    this.budget = budget;
  }

  /** True once a limit of the whole walk was reached: deliver nothing more. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  note(kind: TroubleKind, path: string, detail: string): void {
    if (this.troubles.length < MAX_TROUBLES) this.troubles.push({ kind, path, detail });
  }

  /** Counts one member; false when there are too many. */
  admitMember(path: string): boolean {
    if (this.#exhausted) return false;
    this.#members += 1;
    if (this.#members <= this.budget.maxMembers) return true;
    this.#exhausted = true;
    this.note('budget', path, `more than ${this.budget.maxMembers} members (maxMembers)`);
    return false;
  }

  /**
   * Meter of one stream that expands. Only growth is limited: what was sent has been paid for, and a large
   * archive of incompressible files is no bomb.
   */
  meter(path: string): StreamMeter {
    let output = 0;
    let grown = 0;
    return {
      take: (outputBytes, inputBytesSoFar) => {
        output += outputBytes;
        const added = Math.max(0, output - inputBytesSoFar - grown);
        grown += added;
        return this.#charge(path, added, grown) && this.#withinRatio(path, output, inputBytesSoFar);
      },
    };
  }

  /**
   * Meters for the members of an archive of `inputBytes` whose packed sizes are not known one by one: what
   * was sent is set against the first of them.
   */
  packedMeter(inputBytes: number): (path: string) => StreamMeter {
    let output = 0;
    return (path) => {
      let grown = 0;
      return {
        take: (outputBytes) => {
          const paid = Math.max(0, inputBytes - output);
          output += outputBytes;
          const added = Math.max(0, outputBytes - paid);
          grown += added;
          return this.#charge(path, added, grown) && this.#withinRatio(path, output, inputBytes);
        },
      };
    };
  }

  #charge(path: string, added: number, grown: number): boolean {
    if (this.#exhausted) return false;
    this.#growth += added;
    const { maxMemberBytes, maxTotalBytes } = this.budget;
    if (this.#growth > maxTotalBytes) {
      this.#exhausted = true;
      this.note('budget', path, `all content expands by more than ${maxTotalBytes} bytes (maxTotalBytes)`);
      return false;
    }
    if (grown > maxMemberBytes) {
      this.note('budget', path, `expands by more than ${maxMemberBytes} bytes (maxMemberBytes)`);
      return false;
    }
    return true;
  }

  #withinRatio(path: string, output: number, input: number): boolean {
    const { maxRatio } = this.budget;
    if (output <= RATIO_GRACE_BYTES || output <= maxRatio * Math.max(input, 1)) return true;
    this.note('budget', path, `expands more than ${maxRatio} times (maxRatio)`);
    return false;
  }
}

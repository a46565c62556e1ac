// What blades, services and hooks of plugins answer with, and the functions that make it.

export type Severity = 'low' | 'medium' | 'high' | 'critical';

export interface AllowVerdict {
  readonly kind: 'allow';
  /** Set when the content was not inspected: why, e.g. `encrypted`, `size`. Logged, never silent. */
  readonly notScanned?: string;
}

export interface BlockVerdict {
  readonly kind: 'block';
  /** Name of what was found, e.g. `EICAR-Test-File`. Shown on the block page and in X-Infection-Found. */
  readonly threat: string;
  readonly severity: Severity;
  /** One sentence for the user, e.g. `found in archive member docs/eicar.com`. */
  readonly reason: string;
  /** Id of a report that the plugin keeps of it, see `reports` of its context. */
  readonly report?: string;
}

/**
 * What a blade changes of a message. Content-Length is set to fit. A change of the header fields alone, or of
 * the start of the body, costs no second copy of the body: an ICAP client that can, keeps the original.
 */
export interface ModifyVerdict {
  readonly kind: 'modify';
  /** Replaces header fields (flat name, value list); absent keeps them. */
  readonly headers?: readonly string[];
  /** Replaces the target of a request; absent keeps it. Without effect on a response. */
  readonly target?: string;
  /** Replaces the body; absent keeps it, apart from what `prefix` and `keepFrom` say. */
  readonly body?: Buffer;
  /** Bytes in front of what is kept of the original body, in its Content-Encoding. No body: no effect. */
  readonly prefix?: Buffer;
  /** First byte of the original body that is kept; what stands before it is dropped. Default 0. */
  readonly keepFrom?: number;
}

export type Verdict = AllowVerdict | BlockVerdict | ModifyVerdict;

/** Verdict: nothing wrong was found. `notScanned` names why content went uninspected. */
export function allow(notScanned?: string): AllowVerdict {
  return notScanned === undefined ? { kind: 'allow' } : { kind: 'allow', notScanned };
}

/** Verdict: the message must not pass; the user gets the UserCheck page. */
export function block(found: {
  threat: string;
  severity?: Severity;
  reason: string;
  report?: string;
}): BlockVerdict {
  const { threat, severity = 'high', reason, report } = found;
  return { kind: 'block', threat, severity, reason, ...(report === undefined ? {} : { report }) };
}

/**
 * Verdict: pass with other headers, another body, or another start of the body, e.g.
 * `modify({ prefix: Buffer.from('<!-- checked -->') })`.
 * @throws {TypeError} for `body` together with `prefix` or `keepFrom`, a `keepFrom` that is no byte offset, and a
 *         `target` that is empty or not visible ASCII
 */
export function modify(change: Omit<ModifyVerdict, 'kind'>): ModifyVerdict {
  const { body, prefix, keepFrom = 0 } = change;
  if (body !== undefined && (prefix !== undefined || keepFrom !== 0)) {
    throw new TypeError('modify: give either `body`, or `prefix` and `keepFrom`');
  }
  if (!Number.isSafeInteger(keepFrom) || keepFrom < 0) {
    throw new TypeError('modify: `keepFrom` must be a byte offset, 0 or more');
  }
  if (change.target !== undefined && !/^[\x21-\x7e]+$/.test(change.target)) {
    throw new TypeError('modify: `target` must be visible ASCII without blanks');
  }
  return { kind: 'modify', ...change };
}

// The `/sandblast` kind of service: picks the profile for a message, has it inspected, and answers with
// Continue, the changed message or the UserCheck page. Unpacking and scanning are the blades', who is asked
// when is inspector.ts. G-02 … G-04, G-18, G-19, G-27.

import { createHash } from 'node:crypto';
import { Body } from '../http/body.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import type {
  Adapted,
  IcapOutcome,
  IcapService,
  IcapTransaction,
  ModMethod,
  ServiceDescription,
} from '../icap/service.ts';
import type { Blade, BlockVerdict, ModifyVerdict } from '../plugin/api.ts';
import type { Usage } from '../util/usage.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { aftermath, isKept } from './aftermath.ts';
import { keepContent } from './background/kept-content.ts';
import { blockOutcome, fieldText } from './block-outcome.ts';
import type { GatewayMemory } from './gateway-memory.ts';
import type { Identity } from './identity.ts';
import type { BladeTrace, InspectionProfile } from './inspection.ts';
import type { Inspected, Progress } from './inspector.ts';
import { Inspector } from './inspector.ts';
import type { ProfileRule } from './profile-choice.ts';
import { ProfileChoice } from './profile-choice.ts';
import { isSubmission } from './usercheck/submission.ts';

export interface ScanServiceOptions {
  /** Path of the URI, e.g. `/sandblast`. */
  readonly path: string;
  readonly methods: readonly ModMethod[];
  /** For whom no rule is. */
  readonly profile: InspectionProfile;
  /** Profiles for certain clients, the first that fits. Default none. */
  readonly rules?: readonly ProfileRule[];
  readonly blades: readonly Blade[];
  readonly previewBytes: number;
  readonly maxConnections: number;
  readonly optionsTtlSeconds: number;
  /** Counts the messages that blades are working on. */
  readonly usage?: Usage;
  /** Absent or null: no verdict is remembered, and blades of mode background do not run. */
  readonly memory?: GatewayMemory | null;
  /** Who is behind a message, as far as it is believed. */
  readonly identify: (transaction: IcapTransaction) => Identity;
}

/** What the log wants to know of an inspection beyond its outcome. */
export interface InspectionNote {
  readonly incident: string;
  readonly profile: string;
  readonly bytes: number;
  readonly trace: readonly BladeTrace[];
  readonly block: (BlockVerdict & { readonly blade: string }) | null;
}

/** By which e2guardian knows that the name of a threat is in the answer. */
const ALLOW_OUT = ['X-Infection-Found'];
const INCLUDE = ['X-Client-IP', 'X-Server-IP', 'X-Authenticated-User', 'X-Authenticated-Groups'];
const UNMODIFIED: IcapOutcome = { kind: 'unmodified' };
const UNINSPECTED: IcapOutcome = { kind: 'unmodified', headers: ['X-Weir-Not-Scanned', 'no blade'] };

/** Kept apart from the services: one that was replaced finishes what it began, and that is logged too. */
const notes = new WeakMap<IcapTransaction, InspectionNote>();

/** For whoever inspects in another way than this service. */
export function noteInspection(transaction: IcapTransaction, note: InspectionNote): void {
  notes.set(transaction, note);
}

/** What was noted while a transaction was inspected. */
export function inspectionNoteOf(transaction: IcapTransaction): InspectionNote | undefined {
  return notes.get(transaction);
}

export class ScanService implements IcapService {
  readonly path: string;
  readonly methods: readonly ModMethod[];
  readonly requires = { REQMOD: 'req-hdr', RESPMOD: 'res-hdr' } as const;
  readonly #options: ScanServiceOptions;
  readonly #choice: ProfileChoice<Inspector>;
  /** What OPTIONS says, by the inspectors that an ICAP client may meet. */
  readonly #descriptions = new WeakMap<
    readonly Inspector[],
    { readonly rules: string; readonly description: ServiceDescription }
  >();

  constructor(options: ScanServiceOptions) {
    const { path, profile, rules = [], blades, memory = null, usage = null } = options;
    this.path = path;
    this.methods = options.methods;
    this.#options = options;
    this.#choice = new ProfileChoice(
      profile,
      rules,
      (it) => new Inspector({ path, profile: it, blades, memory, usage }),
    );
  }

  /** The one for whom no rule is. */
  get profile(): InspectionProfile {
    return this.#options.profile;
  }

  /** Blades that judge where no rule says otherwise; none means that everything passes (G-07). */
  get blades(): readonly Blade[] {
    return this.#choice.view(undefined).values[0]!.blades;
  }

  describe(icapClient?: string): ServiceDescription {
    const { values } = this.#choice.view(icapClient);
    let rules = '';
    for (const inspector of values) rules += `${inspector.rules}\n`;
    let known = this.#descriptions.get(values);
    if (known?.rules !== rules) {
      known = { rules, description: this.#makeDescription(rules, values) };
      this.#descriptions.set(values, known);
    }
    return known.description;
  }

  handle(transaction: IcapTransaction): IcapOutcome | Promise<IcapOutcome> {
    let identity: Identity | null = null;
    const identify = (): Identity => (identity ??= this.#options.identify(transaction));
    const inspector = this.#choice.choose(this.#choice.view(transaction.icapClient), identify);
    if (inspector.blades.length === 0) return UNINSPECTED;
    const { usercheck, profile } = inspector;
    if (usercheck !== null && isSubmission(transaction)) {
      return usercheck.answer(transaction, this.path, profile, identify());
    }
    return this.#counted(transaction, inspector, identify());
  }

  findingsOf(transaction: IcapTransaction): readonly BladeTrace[] {
    return inspectionNoteOf(transaction)?.trace ?? [];
  }

  async #counted(
    transaction: IcapTransaction,
    inspector: Inspector,
    identity: Identity,
  ): Promise<IcapOutcome> {
    const { usage } = this.#options;
    usage?.enter();
    try {
      return await this.#inspect(transaction, inspector, identity);
    } finally {
      usage?.leave();
    }
  }

  async #inspect(
    transaction: IcapTransaction,
    inspector: Inspector,
    identity: Identity,
  ): Promise<IcapOutcome> {
    const progress: Progress = { incident: newIncidentId(), bytes: 0, trace: [] };
    const profile = inspector.profile.name;
    try {
      const result = await inspector.inspect(transaction, identity, progress);
      notes.set(transaction, { ...progress, profile, block: result.blocked });
      if (result.blocked !== null) {
        const isOffered = this.methods.includes('REQMOD'); // by which the form comes back
        return await block(transaction, inspector, result, result.blocked, isOffered);
      }
      const outcome = result.modified === null ? UNMODIFIED : modifiedOutcome(transaction, result.modified);
      const gap = uninspected(result.trace);
      return gap === null ? outcome : { ...outcome, headers: ['X-Weir-Not-Scanned', gap] };
    } catch (error) {
      if (transaction.signal.aborted) transaction.body?.release(); // otherwise it may pass by another way
      notes.set(transaction, { ...progress, profile, block: null });
      throw error;
    }
  }

  #makeDescription(rules: string, inspectors: readonly Inspector[]): ServiceDescription {
    const { previewBytes, maxConnections, optionsTtlSeconds } = this.#options;
    const hash = createHash('sha256').update(rules);
    const names = new Set(inspectors.flatMap(({ blades }) => blades.map((blade) => blade.name)));
    return {
      istag: `weir-${hash.digest('hex').slice(0, 20)}`,
      preview: previewBytes,
      optionsTtlSeconds,
      maxConnections,
      service: names.size === 0 ? 'Weir gateway (no inspection)' : `Weir gateway (${[...names].join(', ')})`,
      serviceId: this.path.slice(1),
      include: INCLUDE,
      allowOut: ALLOW_OUT,
      partialContent: names.size > 0,
    };
  }
}

async function block(
  transaction: IcapTransaction,
  inspector: Inspector,
  { subject }: Inspected,
  found: BlockVerdict & { readonly blade: string; readonly cached: boolean },
  isOffered: boolean,
): Promise<IcapOutcome> {
  const { incident, message, content, held } = subject;
  // The body goes with the answer: what is to be kept of it needs a copy that outlives both.
  const copy = isKept(inspector, subject, found) ? await keepContent(held!).catch(() => null) : null;
  transaction.body?.release();
  void aftermath(inspector, { ...subject, held: copy }, content, found, null)
    .catch(() => {})
    .finally(() => copy?.release());
  const { usercheck, profile, memory, path: service } = inspector;
  const finding = { profile, blade: found.blade, verdict: found, message, content };
  const offer = isOffered ? usercheck?.offer(finding, transaction, { incident, service }) : null;
  const goOn = (await offer) ?? null;
  const look = memory?.usercheck?.options.look ?? null;
  const about = { incident, url: message.url, profile: profile.name };
  const reports = memory?.reports ?? null;
  return blockOutcome(transaction, found, about, { goOn, look, reports });
}

/** Why content passed that some blade has not seen into; null where all have. */
function uninspected(trace: readonly BladeTrace[]): string | null {
  for (const { verdict } of trace) {
    if (verdict.startsWith('not-scanned: ')) return fieldText(verdict.slice('not-scanned: '.length));
    if (verdict === 'error') return 'failed';
  }
  return null;
}

/** The answer that a modification comes to. */
export function modifiedOutcome(transaction: IcapTransaction, change: ModifyVerdict): Adapted {
  const { request, response, method } = transaction;
  const inspected = method === 'REQMOD' ? request! : response!;
  const made = change.body;
  let headers: RawHeaders = change.headers === undefined ? inspected.headers : [...change.headers];
  if (made !== undefined) {
    transaction.body?.release();
    headers = [...withoutField(headers, 'content-length'), 'Content-Length', String(made.length)];
  }
  const part = made ?? (transaction.body === null ? undefined : change.prefix);
  return {
    kind: 'adapted',
    ...(method === 'REQMOD'
      ? { request: { ...request!, headers, target: change.target ?? request!.target } }
      : { response: { ...response!, headers } }),
    body: part === undefined ? null : Body.of(part),
    ...(made === undefined ? { keepOriginalFrom: change.keepFrom ?? 0 } : {}),
    serverMade: false,
  };
}

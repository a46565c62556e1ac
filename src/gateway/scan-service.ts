// The `/sandblast` kind of service: holds the message, lets the profile's blades judge it, and answers
// with Continue or the UserCheck page. Unpacking and scanning are the blades'. G-02, G-04, G-18, G-27.

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
import { audienceOf, blockPage, languageOf } from '../pages/index.ts';
import type { Blade, BlockVerdict, ModifyVerdict } from '../plugin/api.ts';
import { WEIR_VERSION } from '../util/version.ts';
import type { Usage } from '../util/usage.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { bladeMessage } from './blade-message.ts';
import type { Identity } from './identity.ts';
import type { BladeTrace, InspectionProfile } from './inspection.ts';
import { enabledBlades, inspect } from './inspection.ts';

export interface ScanServiceOptions {
  /** Path of the URI, e.g. `/sandblast`. */
  readonly path: string;
  readonly methods: readonly ModMethod[];
  readonly profile: InspectionProfile;
  readonly blades: readonly Blade[];
  readonly previewBytes: number;
  readonly maxConnections: number;
  readonly optionsTtlSeconds: number;
  /** Counts the messages that blades are working on. */
  readonly usage?: Usage;
  /** Who is behind a message, as far as it is believed. */
  readonly identify: (transaction: IcapTransaction) => Identity;
}

/** What the log wants to know of an inspection beyond its outcome. */
export interface InspectionNote {
  readonly incident: string;
  readonly bytes: number;
  readonly trace: readonly BladeTrace[];
  readonly block: (BlockVerdict & { readonly blade: string }) | null;
}

const INCLUDE = ['X-Client-IP', 'X-Server-IP', 'X-Authenticated-User', 'X-Authenticated-Groups'];
const UNMODIFIED: IcapOutcome = { kind: 'unmodified' };
const UNINSPECTED: IcapOutcome = { kind: 'unmodified', headers: ['X-Weir-Not-Scanned', 'no blade'] };

/** Kept apart from the services: one that was replaced finishes what it began, and that is logged too. */
const notes = new WeakMap<IcapTransaction, InspectionNote>();

/** What was noted while a transaction was inspected. */
export function inspectionNoteOf(transaction: IcapTransaction): InspectionNote | undefined {
  return notes.get(transaction);
}

export class ScanService implements IcapService {
  readonly path: string;
  readonly methods: readonly ModMethod[];
  readonly requires = { REQMOD: 'req-hdr', RESPMOD: 'res-hdr' } as const;
  readonly profile: InspectionProfile;
  readonly #options: ScanServiceOptions;
  readonly #blades: readonly Blade[];
  #fingerprints = '';
  #description: ServiceDescription | null = null;

  constructor(options: ScanServiceOptions) {
    this.path = options.path;
    this.methods = options.methods;
    this.profile = options.profile;
    this.#options = options;
    this.#blades = enabledBlades(options.blades, options.profile);
  }

  /** Blades that judge here; none means that everything passes without inspection (G-07). */
  get blades(): readonly Blade[] {
    return this.#blades;
  }

  describe(): ServiceDescription {
    let fingerprints = '';
    for (const blade of this.#blades) fingerprints += `${blade.name} ${fingerprintOf(blade)}\n`;
    if (this.#description === null || fingerprints !== this.#fingerprints) {
      this.#fingerprints = fingerprints;
      this.#description = this.#makeDescription(fingerprints);
    }
    return this.#description;
  }

  handle(transaction: IcapTransaction): IcapOutcome | Promise<IcapOutcome> {
    if (this.#blades.length === 0) return UNINSPECTED;
    return this.#counted(transaction);
  }

  async #counted(transaction: IcapTransaction): Promise<IcapOutcome> {
    const { usage } = this.#options;
    usage?.enter();
    try {
      return await this.#inspect(transaction);
    } finally {
      usage?.leave();
    }
  }

  async #inspect(transaction: IcapTransaction): Promise<IcapOutcome> {
    const { body } = transaction;
    const content = body === null ? null : await body.hold();
    const identity = this.#options.identify(transaction);
    const message = bladeMessage(transaction, identity, content);
    const incident = newIncidentId();
    const bytes = content?.size ?? 0;
    let trace: readonly BladeTrace[] = [];
    try {
      const result = await inspect(this.#blades, this.profile, message, transaction.signal);
      trace = result.trace;
      notes.set(transaction, { incident, bytes, trace, block: result.blocked });
      if (result.blocked !== null) {
        body?.release();
        return this.#block(transaction, result.blocked, incident, message.url);
      }
      const outcome = result.modified === null ? UNMODIFIED : modifiedOutcome(transaction, result.modified);
      const gap = uninspected(trace);
      return gap === null ? outcome : { ...outcome, headers: ['X-Weir-Not-Scanned', gap] };
    } catch (error) {
      if (transaction.signal.aborted) body?.release(); // otherwise it may pass by another way
      trace = (error as { trace?: readonly BladeTrace[] }).trace ?? trace;
      notes.set(transaction, { incident, bytes, trace, block: null });
      throw error;
    }
  }

  #block(
    transaction: IcapTransaction,
    found: BlockVerdict & { blade: string },
    incident: string,
    url: string,
  ): Adapted {
    const { request, method } = transaction;
    const page = blockPage(
      {
        threat: found.threat,
        blade: found.blade,
        severity: found.severity,
        reason: found.reason,
        incident,
        time: new Date(),
        url,
        method: request?.method ?? '',
        direction: method === 'REQMOD' ? 'request' : 'response',
        profile: this.profile.name,
      },
      audienceOf(request?.headers ?? null),
      languageOf(request?.headers ?? null),
    );
    const threat = fieldText(found.threat);
    const headers: RawHeaders = [
      'X-Infection-Found',
      `Type=0; Resolution=2; Threat=${threat.replaceAll(';', ',')};`,
      'X-Virus-ID',
      threat,
      'X-Blocked-Reason',
      fieldText(found.reason),
      'X-Response-Info',
      'Blocked',
      'X-Weir-Blade',
      found.blade,
      'X-Weir-Severity',
      found.severity,
      'X-Weir-Incident',
      incident,
    ];
    const response = { version: '1.1', status: page.status, reason: page.reason, headers: page.headers };
    return { kind: 'adapted', response, body: Body.of(page.body), serverMade: true, headers };
  }

  #makeDescription(fingerprints: string): ServiceDescription {
    const { previewBytes, maxConnections, optionsTtlSeconds } = this.#options;
    const { name, onError, blades } = this.profile;
    const settings = this.#blades.map((blade) => [blade.name, blades[blade.name]]);
    const hash = createHash('sha256').update(
      `${WEIR_VERSION}\n${JSON.stringify([name, onError, settings])}\n${fingerprints}`,
    );
    const inspected = this.#blades.map((blade) => blade.name).join(', ');
    return {
      istag: `weir-${hash.digest('hex').slice(0, 20)}`,
      preview: previewBytes,
      optionsTtlSeconds,
      maxConnections,
      service: inspected === '' ? 'Weir gateway (no inspection)' : `Weir gateway (${inspected})`,
      serviceId: this.path.slice(1),
      include: INCLUDE,
      partialContent: this.#blades.length > 0,
    };
  }
}

/** Why content passed that some blade has not seen into; null where all have. */
function uninspected(trace: readonly BladeTrace[]): string | null {
  for (const { verdict } of trace) {
    if (verdict.startsWith('not-scanned: ')) return fieldText(verdict.slice('not-scanned: '.length));
    if (verdict === 'error') return 'failed';
  }
  return null;
}

/** OPTIONS is answered whatever a blade does (S-14). */
function fingerprintOf(blade: Blade): string {
  try {
    return blade.fingerprint?.() ?? '';
  } catch {
    return 'unknown';
  }
}

/** Names and reasons may come from file names inside archives: one printable line for a header field. */
function fieldText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 200)
    .trim();
}

function modifiedOutcome(transaction: IcapTransaction, change: ModifyVerdict): Adapted {
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

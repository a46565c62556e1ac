// A service that a plugin brings, as an ICAP service: holds the body, asks its handler within its time, turns
// the verdict into an answer. Whose path it has, the gateway decides.

import { createHash } from 'node:crypto';
import type { HeldContent } from '../http/held-body.ts';
import { PluginError } from '../errors.ts';
import type { IcapOutcome, IcapService, IcapTransaction, ServiceDescription } from '../icap/service.ts';
import type { Blade } from '../plugin/api/blade.ts';
import type { RegisteredService } from '../plugin/api/service.ts';
import { newIncidentId } from '../util/incident-id.ts';
import type { Usage } from '../util/usage.ts';
import { bladeMessage } from './blade-message.ts';
import { blockOutcome } from './block-outcome.ts';
import type { Identity } from './identity.ts';
import { askInTime, bladeError, traceOf } from './inspection.ts';
import type { BladeTrace } from './inspection.ts';
import { inspectionNoteOf, modifiedOutcome, noteInspection } from './scan-service.ts';

const PREVIEW_BYTES = 4096;
const TIMEOUT_MS = 30_000;
const OPTIONS_TTL_SECONDS = 60;

export interface PluginServiceOptions {
  readonly service: RegisteredService;
  readonly maxConnections: number;
  readonly usage: Usage;
  readonly identify: (transaction: IcapTransaction) => Identity;
}

export class PluginService implements IcapService {
  readonly path: string;
  readonly methods: IcapService['methods'];
  readonly requires = { REQMOD: 'req-hdr', RESPMOD: 'res-hdr' } as const;
  readonly #options: PluginServiceOptions;

  constructor(options: PluginServiceOptions) {
    this.path = options.service.path;
    this.methods = options.service.methods;
    this.#options = options;
  }

  describe(): ServiceDescription {
    const { service, maxConnections } = this.#options;
    const digest = createHash('sha256').update(service.fingerprint()).digest('hex').slice(0, 20);
    return {
      istag: `weir-${digest}`,
      preview: service.previewBytes ?? PREVIEW_BYTES,
      optionsTtlSeconds: OPTIONS_TTL_SECONDS,
      maxConnections,
      service: (service.description ?? service.plugin).replace(/[^\x20-\x7e]/g, '?').slice(0, 100),
      serviceId: this.path.slice(1),
      include: ['X-Client-IP', 'X-Server-IP', 'X-Authenticated-User', 'X-Authenticated-Groups'],
      partialContent: true,
    };
  }

  async handle(transaction: IcapTransaction): Promise<IcapOutcome> {
    const { usage } = this.#options;
    usage.enter();
    try {
      return await this.#judge(transaction);
    } catch (error) {
      if (transaction.signal.aborted) transaction.body?.release();
      throw error;
    } finally {
      usage.leave();
    }
  }

  findingsOf(transaction: IcapTransaction): readonly BladeTrace[] {
    return inspectionNoteOf(transaction)?.trace ?? [];
  }

  async #judge(transaction: IcapTransaction): Promise<IcapOutcome> {
    const { service, identify } = this.#options;
    const startedAt = performance.now();
    const content: HeldContent | null = (await transaction.body?.hold()) ?? null;
    const message = bladeMessage(transaction, identify(transaction), content);
    const handler = (transaction.method === 'REQMOD' ? service.reqmod : service.respmod)!;
    const judge: Blade = { name: service.plugin, inspect: handler };
    const incident = newIncidentId();
    const note = (verdict: string, block: Parameters<typeof noteInspection>[1]['block'] = null): void =>
      noteInspection(transaction, {
        ...{ incident, profile: service.plugin, bytes: content?.size ?? 0, block },
        trace: [{ name: service.plugin, verdict, ms: performance.now() - startedAt }],
      });
    try {
      const timeoutMs = service.timeoutMs ?? TIMEOUT_MS;
      const verdict = (await askInTime(judge, message, transaction.signal, timeoutMs)) ?? null;
      switch (verdict?.kind) {
        case 'allow':
          note(traceOf(verdict));
          return { kind: 'unmodified' };
        case 'modify':
          note('modify');
          return modifiedOutcome(transaction, verdict);
        case 'block': {
          const found = { ...verdict, blade: service.plugin };
          note('block', found);
          transaction.body?.release();
          return blockOutcome(transaction, found, { incident, url: message.url, profile: service.plugin });
        }
        default:
          throw new PluginError('ERR_PLUGIN_FAILED', `service ${service.path} gave no verdict`);
      }
    } catch (error) {
      note('error');
      throw bladeError(judge, error);
    }
  }
}

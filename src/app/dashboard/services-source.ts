// What the dashboard says of the ICAP services that the rules in force use.

import type { ResolvedConfig } from '../../config/types.ts';
import { inProcessReport, serviceReport } from '../../dashboard/status.ts';
import type { ServiceReport, ServicesReport, StepReport } from '../../dashboard/status.ts';
import type { OptionsReceived } from '../../dashboard/api/sources.ts';
import type { AdaptationService } from '../../icap/client/adaptation.ts';
import { IcapServiceClient } from '../../icap/client/service-client.ts';
import type { AdaptationPart } from '../proxy-parts.ts';
import { pairsOf } from './capture-source.ts';

/** How long a report waits for the OPTIONS of services that nobody has asked yet. */
const FIRST_ANSWER_MS = 1500;

/** What is in force. */
export interface InForce {
  readonly config: ResolvedConfig;
  readonly adaptation: AdaptationPart;
}

export async function report({ config, adaptation }: InForce, startedAt: Date): Promise<ServicesReport> {
  const { services, steps } = adaptation;
  await askedFirst(services);
  const shown = services.map((service): ServiceReport => {
    const { url, onError } = config.adaptation.services[service.name]!;
    if (service instanceof IcapServiceClient) return serviceReport(service.status(), onError);
    return inProcessReport({ name: service.name, url: url.href, onError }, startedAt);
  });
  const used = new Set(config.adaptation.rules.flatMap(({ use }) => use));
  const usedSteps = [...steps].flatMap(([name, step]): StepReport[] => {
    if (!used.has(name)) return [];
    const { members, outliers, bypassable } = step;
    // One that has not even told its OPTIONS yet may turn out to be silent.
    const serves = members.some(({ service }) => service.available && !isUnasked(service));
    return [
      { name, services: members.map(({ service }) => service.name), outliers, ready: serves || bypassable },
    ];
  });
  return { services: shown, steps: usedSteps };
}

/** A service's last answer to OPTIONS; null: none, or it is in-process. */
export function optionsReceived({ adaptation }: InForce, name: string): OptionsReceived | null {
  const service = adaptation.services.find((candidate) => candidate.name === name);
  if (!(service instanceof IcapServiceClient)) return null;
  const answer = service.optionsAnswer;
  if (answer === null) return null;
  const { head, headBytes, headLength } = answer;
  const truncated = headBytes.length < headLength;
  return {
    fields: pairsOf(head.headers),
    head: { bytes: headLength, truncated, base64: headBytes.toString('base64') },
  };
}

/** A service that never had a message has no state yet: it is asked, so that the first look says something. */
async function askedFirst(services: readonly AdaptationService[]): Promise<void> {
  const unknown = services.filter(isUnasked);
  if (unknown.length === 0) return;
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise((resolve) => (timer = setTimeout(resolve, FIRST_ANSWER_MS)));
  const asked = unknown.map((service) => service.describe().catch(() => {}));
  await Promise.race([Promise.all(asked), overdue]);
  clearTimeout(timer);
}

function isUnasked(service: AdaptationService): service is IcapServiceClient {
  if (!(service instanceof IcapServiceClient)) return false;
  const { state, options, cause } = service.status();
  return state === 'probing' && options === null && cause === null;
}

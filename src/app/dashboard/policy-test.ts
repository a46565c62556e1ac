// What the configuration in force would do with a request: the TLS rule, the adaptation rules with the services
// behind them, the profile. Looks at what is known before anything is sent; what a service would say of the
// content nobody can tell.

import { isIP } from 'node:net';
import type { ResolvedConfig } from '../../config/types.ts';
import type {
  PolicyTestReply,
  PolicyTestRequest,
  PolicyTestStep,
  StoryLine,
} from '../../dashboard/api/types.ts';
import type { MessageFacts } from '../../proxy/adaptation/rules.ts';
import { TargetPolicy } from '../../proxy/target-policy.ts';
import { TlsRules } from '../../proxy/tls-policy/rules.ts';
import { nameOf } from '../../proxy/tls-policy/self-healing.ts';
import { plannedRules } from '../adaptation-rules.ts';
import type { ProxyHalf } from '../running.ts';
import { targetPolicyOf } from '../ways-out.ts';

const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);
const NOBODY = '127.0.0.1';

type Asked = PolicyTestRequest & { readonly groups: readonly string[] };

/** @param request  its `url` is an absolute http or https URL */
export function testPolicy(
  config: ResolvedConfig,
  { parts, access }: Pick<ProxyHalf, 'parts' | 'access'>,
  request: PolicyTestRequest,
): PolicyTestReply {
  const url = new URL(request.url);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isDenied = new TargetPolicy(targetPolicyOf(config.proxy.targets)).isDenied(host);
  const target = { allowed: !isDenied, reason: isDenied ? 'proxy.targets.deny' : null };
  // What a log-in adds to the file, such as groups of a plugin's authenticator, is not known here.
  const groups = access.options.groups?.get(request.user ?? '') ?? [];
  const tls = url.protocol === 'https:' ? tlsOf(parts, url, host, { ...request, groups }) : null;
  const isRead = !isDenied && (tls === null || tls.action === 'bump');
  const steps = isRead ? stepsOf(config, parts, url, host, { ...request, groups }) : [];
  const asked = steps.filter(({ skipped }) => skipped === null || skipped.startsWith('unknown'));
  const profiles = profilesOf(config, asked);
  const isRefused = isDenied || tls?.action === 'terminate';
  const outcome = isRefused ? 'refused' : asked.length > 0 ? 'inspected' : 'passed-uninspected';
  const story = storyOf({ target, tls, steps, profiles, outcome });
  return { url: request.url, host, tls, target, steps, profiles, story, outcome };
}

function tlsOf(
  { tls }: ProxyHalf['parts'],
  url: URL,
  host: string,
  { clientIp, user, groups }: Asked,
): PolicyTestReply['tls'] {
  const rules = new TlsRules(tls.rules);
  const port = url.port === '' ? 443 : Number(url.port);
  const client = clientIp ?? NOBODY;
  const sni = isIP(host) === 0 ? host : null;
  const decision = rules.decide({ host, port, client, user: user ?? null, groups, sni });
  if (decision !== null) {
    const line = rules.line(decision.index);
    return { action: decision.action, rule: line?.path ?? null, text: line?.text ?? null };
  }
  const learned = tls.selfHealing.splices.find(
    (splice) => nameOf(splice) === host && splice.port === port && splice.client === client,
  );
  if (learned === undefined) return { action: 'bump', rule: null, text: null };
  return { action: 'splice', rule: 'proxy.tls.selfHealing', text: 'that client rejected its certificate' };
}

function stepsOf(
  config: ResolvedConfig,
  { adaptation }: ProxyHalf['parts'],
  url: URL,
  host: string,
  { method = 'GET', type, clientIp, user, groups }: Asked,
): PolicyTestStep[] {
  const verb = method.toUpperCase();
  const fields = type === undefined ? [] : ['Content-Type', type];
  const sent = WITH_BODY.has(verb) ? fields : [];
  const request = { method: verb, target: url.href, version: '1.1', headers: sent };
  const response = { version: '1.1', status: 200, reason: 'OK', headers: fields };
  const who = { clientIp: clientIp ?? NOBODY, user: user ?? null, groups };
  const about = { host, request, length: null, ...who };
  return (['reqmod', 'respmod'] as const).flatMap((point) => {
    const facts: MessageFacts = { ...about, response: point === 'respmod' ? response : null };
    const found: PolicyTestStep[] = [];
    for (const { when, steps, line, stop } of plannedRules(
      config.adaptation.rules,
      point,
      adaptation.steps,
    )) {
      const unmet = when?.unmet(facts) ?? null;
      const isOpen = type === undefined && unmet !== null && /(?:^|\.)types$/.test(unmet);
      const skipped = isOpen ? `unknown: ${unmet}` : unmet;
      const place = { point, rule: line?.path ?? '', text: line?.text ?? '', skipped };
      if (steps.length === 0) {
        found.push({ ...place, use: '', services: [], skipped: skipped ?? 'left out' });
      }
      for (const step of steps) {
        const services = step.members.map(({ service }) => service.name);
        found.push({ ...place, use: step.name, services });
      }
      if (unmet === null && stop) break;
    }
    return found;
  });
}

function profilesOf(
  { adaptation, gateway, profiles }: ResolvedConfig,
  steps: readonly PolicyTestStep[],
): PolicyTestReply['profiles'] {
  const names = new Set(steps.flatMap(({ services }) => services));
  return [...names].flatMap((name) => {
    const path = adaptation.services[name]?.url.path.replace(/^\/|\/$/g, '') ?? '';
    const service = Object.hasOwn(gateway.services, path) ? gateway.services[path]! : null;
    if (service?.profile == null || adaptation.services[name]?.inProcess !== true) return [];
    const blades = Object.entries(profiles[service.profile]?.blades ?? {});
    const enabled = blades.flatMap(([blade, { enabled }]) => (enabled ? [blade] : []));
    return [{ service: name, profile: service.profile, blades: enabled }];
  });
}

function storyOf({
  target,
  tls,
  steps,
  profiles,
  outcome,
}: Omit<PolicyTestReply, 'story' | 'url' | 'host'>): StoryLine[] {
  const line = (text: string, mark: StoryLine['mark'] = null): StoryLine => ({ text, mark });
  const lines: StoryLine[] = [];
  if (!target.allowed) lines.push(line(`refused: the target is denied by ${target.reason!}`, 'bad'));
  if (tls !== null) {
    const why = tls.rule === null ? 'no rule of proxy.tls.rules fits' : `${tls.rule}: ${tls.text ?? ''}`;
    const mark = tls.action === 'bump' ? 'good' : tls.action === 'splice' ? 'warn' : 'bad';
    lines.push(line(`TLS: ${tls.action} (${why})`, mark));
  }
  for (const { point, rule, use, skipped } of steps) {
    if (skipped === null) lines.push(line(`${point.toUpperCase()}: ${use} (${rule})`, 'good'));
    else if (skipped === 'left out') lines.push(line(`${point.toUpperCase()}: left out (${rule})`, 'warn'));
    else if (skipped.startsWith('unknown')) {
      lines.push(line(`${point.toUpperCase()}: ${use}, if the type fits (${rule})`));
    } else
      lines.push(
        line(
          `${point.toUpperCase()}: not ${use === '' ? 'left out' : use}, as ${skipped} does not fit (${rule})`,
        ),
      );
  }
  for (const { service, profile, blades } of profiles) {
    const what = blades.length === 0 ? 'no blade' : blades.join(', ');
    lines.push(line(`${service}: profile ${profile} with ${what}`, blades.length === 0 ? 'warn' : null));
  }
  if (outcome === 'passed-uninspected') lines.push(line('nothing looks at its content', 'warn'));
  return lines;
}

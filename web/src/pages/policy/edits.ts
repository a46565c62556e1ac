// The changes that the policy page offers, as forms: what is filled in, and the change of the configuration
// that it makes. Conditions that a form does not have stay as they are.

import type {
  AdaptationRuleView,
  PolicyChange,
  PolicyReply,
  ProfileView,
  TlsRuleView,
} from '../../api/types.ts';
import { texts } from '../../texts/index.ts';
import type { Edit, Field, Values } from './change-dialog.tsx';

const TLS_LISTS = ['hosts', 'ports', 'clients', 'users', 'ips'] as const;
const RULE_LISTS = ['hosts', 'methods', 'types', 'clients'] as const;

export function tlsRuleEdit(rule: TlsRuleView | null, at: number): Edit {
  const words = texts.policy.change;
  const { actions } = texts.policy;
  const match = rule?.match ?? {};
  return {
    title: rule === null ? words.addTls : words.edit(rule.path),
    fields: [
      {
        key: 'action',
        label: texts.policy.action,
        options: (['bump', 'splice', 'terminate'] as const).map((action) => [action, actions[action]]),
      },
      ...TLS_LISTS.map((key) => listField(key)),
      {
        key: 'sni',
        label: words.fields.sni,
        options: [
          ['', words.sni.either],
          ['present', words.sni.present],
          ['absent', words.sni.absent],
        ],
      },
    ],
    values: {
      action: rule?.action ?? 'splice',
      ...textsOf(match, TLS_LISTS),
      sni: String(match['sni'] ?? ''),
    },
    changeOf: (values) => ({
      ...{ list: 'tls', do: rule === null ? 'add' : 'replace', at },
      value: { ...listsOf(values, TLS_LISTS), sni: values['sni'] || null, action: values['action']! },
    }),
  };
}

export function adaptationRuleEdit(policy: PolicyReply, rule: AdaptationRuleView | null, at: number): Edit {
  const words = texts.policy.change;
  const known = [...policy.services, ...policy.groups].map(({ name }) => name);
  return {
    title: rule === null ? words.addAdaptation : words.edit(rule.path),
    fields: [
      {
        key: 'point',
        label: texts.policy.point,
        options: [
          ['reqmod', words.points.reqmod],
          ['respmod', words.points.respmod],
        ],
      },
      { key: 'use', label: words.use(known.join(', ')), hint: known[0] ?? '' },
      ...RULE_LISTS.map((key) => listField(key)),
    ],
    values: {
      point: rule?.point ?? 'respmod',
      use: rule?.use.join(', ') ?? '',
      ...textsOf(rule?.when ?? {}, RULE_LISTS),
    },
    changeOf: (values) => ({
      ...{ list: 'adaptation', do: rule === null ? 'add' : 'replace', at },
      value: {
        point: values['point']!,
        use: parts(values['use'] ?? ''),
        when: listsOf(values, RULE_LISTS),
      },
    }),
  };
}

/** What is taken away or moved; nothing is to be filled in. */
export function plainEdit(title: string, change: PolicyChange): Edit {
  return { title, fields: [], values: {}, changeOf: () => change };
}

export function profileEdit({ profiles }: PolicyReply, profile: ProfileView | null): Edit {
  const words = texts.policy.change;
  const blades = [...new Set(profiles.flatMap((one) => one.blades.map(({ name }) => name)))];
  const asBase = ['', words.asBase] as const;
  const isNew: Field[] = [
    {
      key: 'name',
      label: texts.policy.name,
      required: true,
      hint: 'office',
      pattern: ['[\\w.\\-]{1,64}', words.profileName],
    },
    {
      key: 'base',
      label: words.base,
      options: [['', words.defaultBase], ...profiles.map(({ name }) => [name, name] as const)],
    },
  ];
  const runs = (name: string): string => {
    const blade = profile?.blades.find((one) => one.name === name);
    return blade === undefined ? '' : String(blade.enabled);
  };
  const began: Values = {
    onError: profile?.onError ?? '',
    ...Object.fromEntries(blades.map((name) => [`blade ${name}`, runs(name)])),
  };
  return {
    title: profile === null ? words.addProfile : words.edit(profile.name),
    fields: [
      ...(profile === null ? isNew : []),
      {
        key: 'onError',
        label: texts.policy.onError,
        options: [asBase, ['block', words.onErrors.block], ['allow', words.onErrors.allow]],
      },
      ...blades.map((name): Field => ({
        key: `blade ${name}`,
        label: words.blade(name),
        options: [asBase, ['true', words.runs], ['false', words.off]],
      })),
    ],
    values: began,
    changeOf: (values) => {
      // What was not touched is not written: a profile goes on following its base there.
      const touched = (key: string): boolean => (values[key] ?? '') !== (began[key] ?? '');
      const changed = blades.filter((name) => touched(`blade ${name}`));
      const enabled = (name: string): boolean | null => {
        const value = values[`blade ${name}`];
        return value === '' ? null : value === 'true';
      };
      return {
        profile: profile?.name ?? (values['name'] ?? '').trim(),
        do: 'set',
        value: {
          ...(values['base'] ? { base: values['base'] } : {}),
          ...(touched('onError') ? { onError: values['onError'] || null } : {}),
          ...(changed.length === 0
            ? {}
            : { blades: Object.fromEntries(changed.map((name) => [name, { enabled: enabled(name) }])) }),
        },
      };
    },
  };
}

function listField(key: (typeof TLS_LISTS)[number] | (typeof RULE_LISTS)[number]): Field {
  const { fields, hints } = texts.policy.change;
  return { key, label: fields[key], hint: hints[key] };
}

function textsOf(given: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, string> {
  const text = (value: unknown): string =>
    Array.isArray(value) ? value.map(text).join(', ') : value === undefined ? '' : placeText(value);
  return Object.fromEntries(keys.map((key) => [key, text(given[key])]));
}

/** As it is typed; networks and ranges of ports may come read already. */
function placeText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Null for what is empty, which takes the condition away. */
function listsOf(values: Values, keys: readonly string[]): Record<string, (string | number)[] | null> {
  return Object.fromEntries(
    keys.map((key) => {
      const list = parts(values[key] ?? '');
      const typed = key === 'ports' ? list.map((part) => (/^\d+$/.test(part) ? Number(part) : part)) : list;
      return [key, typed.length === 0 ? null : typed];
    }),
  );
}

function parts(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

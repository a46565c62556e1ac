// TLS rules, adaptation rules, groups and profiles, in the order in which they are looked at, each with what
// changes it where there is a file to write.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { PolicyReply } from '../../api/types.ts';
import { Empty, ScrollBox } from '../../components/panel.tsx';
import { texts } from '../../texts/index.ts';
import type { Edit } from './change-dialog.tsx';
import { ChangeDialog } from './change-dialog.tsx';
import { adaptationRuleEdit, plainEdit, profileEdit, tlsRuleEdit } from './edits.ts';
import { RuleActions, Small } from './rule-actions.tsx';

export function PolicyTables({ policy, onSaved }: { policy: PolicyReply; onSaved: () => void }): JSX.Element {
  const words = texts.policy;
  const [edit, setEdit] = useState<Edit | null>(null);
  const { writable } = policy;
  const seen = useRef(policy.digest);
  useEffect(() => {
    if (seen.current === policy.digest) return;
    seen.current = policy.digest;
    // What was removed had the focus: its button is gone.
    if (document.activeElement === document.body)
      document.getElementById('main')?.focus({ preventScroll: true });
  }, [policy.digest]);
  const actionsColumn = writable ? [words.change.actions] : [];
  const adding = (title: string, make: () => Edit): JSX.Element | null =>
    writable ? (
      <button type="button" class="small" onClick={() => setEdit(make())}>
        {title}
      </button>
    ) : null;
  const { tlsRules, adaptationRules, services, groups, profiles, notScanned } = policy;
  return (
    <>
      {edit !== null && (
        <ChangeDialog edit={edit} policy={policy} onClose={() => setEdit(null)} onSaved={onSaved} />
      )}
      <Table
        title={words.tlsRules}
        actions={adding(words.change.addTls, () => tlsRuleEdit(null, tlsRules.length))}
        empty={words.noTlsRules}
        columns={[words.rule, words.action, words.when, ...actionsColumn]}
        rows={tlsRules.map((rule, at) => [
          <code>{rule.path}</code>,
          words.actions[rule.action],
          conditions(rule.match),
          ...(writable
            ? [
                <RuleActions
                  {...{ list: 'tls', path: rule.path, at, last: tlsRules.length - 1, onEdit: setEdit }}
                  edit={() => tlsRuleEdit(rule, at)}
                />,
              ]
            : []),
        ])}
      />
      <Table
        title={words.adaptationRules}
        actions={adding(words.change.addAdaptation, () =>
          adaptationRuleEdit(policy, null, adaptationRules.length),
        )}
        empty={words.noAdaptationRules}
        columns={[words.rule, words.point, words.use, words.when, ...actionsColumn]}
        rows={adaptationRules.map((rule, at) => [
          <code>{rule.path}</code>,
          rule.point.toUpperCase(),
          rule.use.join(', '),
          conditions(rule.when),
          ...(writable
            ? [
                <RuleActions
                  {...{ list: 'adaptation', path: rule.path, at, last: adaptationRules.length - 1 }}
                  edit={() => adaptationRuleEdit(policy, rule, at)}
                  onEdit={setEdit}
                />,
              ]
            : []),
        ])}
      />
      <Table
        title={words.services}
        empty={words.noServices}
        columns={[words.name, words.url, words.onError]}
        rows={[
          ...services.map(({ name, url, onError }) => [name, <code>{url}</code>, onError]),
          ...groups.map(({ name, services: members }) => [name, members.join(', '), words.group]),
        ]}
      />
      <Table
        title={words.profiles}
        actions={adding(words.change.addProfile, () => profileEdit(policy, null))}
        empty={words.noProfiles}
        columns={[words.name, words.blades, words.onError, words.usedBy, ...actionsColumn]}
        rows={profiles.map((profile) => [
          profile.name,
          profile.blades
            .filter(({ enabled }) => enabled)
            .map((blade) => blade.name)
            .join(', ') || texts.common.none,
          profile.onError,
          profile.usedBy.join(', ') || texts.common.none,
          ...(writable
            ? [
                <span class="row">
                  <Small
                    label={words.change.edit(profile.name)}
                    text={words.change.short.edit}
                    onClick={() => setEdit(profileEdit(policy, profile))}
                  />
                  {profile.written && (
                    <Small
                      label={words.change.remove(profile.name)}
                      text={words.change.short.remove}
                      onClick={() =>
                        setEdit(
                          plainEdit(words.change.remove(profile.name), {
                            profile: profile.name,
                            do: 'remove',
                          }),
                        )
                      }
                    />
                  )}
                </span>,
              ]
            : []),
        ])}
      />
      <Table
        title={words.notScanned}
        empty={words.noNotScanned}
        columns={[words.reason, words.action]}
        rows={Object.entries(notScanned).map(([reason, action]) => [<code>{reason}</code>, action])}
      />
    </>
  );
}

function Table({
  title,
  actions = null,
  empty,
  columns,
  rows,
}: {
  title: string;
  actions?: ComponentChildren;
  empty: string;
  columns: readonly string[];
  rows: readonly (readonly ComponentChildren[])[];
}): JSX.Element {
  const words = texts.policy.change;
  return (
    <section class="stack">
      <div class="row">
        <h3 class="grow">{title}</h3>
        {actions}
      </div>
      {rows.length === 0 ? (
        <Empty title={empty} />
      ) : (
        <ScrollBox label={title}>
          <table>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column}>{column}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((cells, at) => (
                <tr key={at}>
                  {cells.map((cell, column) => (
                    <td
                      key={column}
                      class="break"
                      data-label={columns[column] === words.actions ? undefined : columns[column]}
                    >
                      {cell}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollBox>
      )}
    </section>
  );
}

const FITS_ALL: ReadonlySet<string> = new Set(['*', '*/*', '', 'null']);

/** `host: *.bank.example; not: …`, as short as it can be read. */
function conditions(match: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(match).filter(([, value]) => !FITS_ALL.has(listed(value)));
  if (entries.length === 0) return texts.policy.always;
  return entries.map(([key, value]) => `${key}: ${listed(value)}`).join('; ');
}

function listed(value: unknown): string {
  if (Array.isArray(value)) return value.map(listed).join(', ');
  return typeof value === 'object' && value !== null
    ? `(${conditions(value as Record<string, unknown>)})`
    : String(value);
}

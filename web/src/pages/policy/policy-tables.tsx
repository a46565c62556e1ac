// TLS rules, adaptation rules, groups and profiles, in the order in which they are looked at.

import type { ComponentChildren, JSX } from 'preact';
import type { PolicyReply } from '../../api/types.ts';
import { Empty, ScrollBox } from '../../components/panel.tsx';
import { texts } from '../../texts/index.ts';

export function PolicyTables({ policy }: { policy: PolicyReply }): JSX.Element {
  const words = texts.policy;
  const { tlsRules, adaptationRules, services, groups, profiles, notScanned } = policy;
  return (
    <>
      <Table
        title={words.tlsRules}
        empty={words.noTlsRules}
        columns={[words.rule, words.action, words.when]}
        rows={tlsRules.map(({ path, action, match }) => [
          <code>{path}</code>,
          words.actions[action],
          conditions(match),
        ])}
      />
      <Table
        title={words.adaptationRules}
        empty={words.noAdaptationRules}
        columns={[words.rule, words.point, words.use, words.when]}
        rows={adaptationRules.map(({ path, point, use, when }) => [
          <code>{path}</code>,
          point.toUpperCase(),
          use.join(', '),
          conditions(when),
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
        empty={words.noProfiles}
        columns={[words.name, words.blades, words.onError, words.usedBy]}
        rows={profiles.map(({ name, onError, blades, usedBy }) => [
          name,
          blades
            .filter(({ enabled }) => enabled)
            .map((blade) => blade.name)
            .join(', ') || texts.common.none,
          onError,
          usedBy.join(', ') || texts.common.none,
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
  empty,
  columns,
  rows,
}: {
  title: string;
  empty: string;
  columns: readonly string[];
  rows: readonly (readonly ComponentChildren[])[];
}): JSX.Element {
  return (
    <section class="stack">
      <h3>{title}</h3>
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
                    <td key={column} class="break">
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

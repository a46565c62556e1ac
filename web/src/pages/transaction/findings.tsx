// What the blades found, and what else is known of the incident: its hash, where the content went, and the
// fields in which the service told its verdict.

import type { ComponentChildren, JSX } from 'preact';
import type { TransactionReply } from '../../api/types.ts';
import { DataTree } from '../../components/data-tree.tsx';
import { Facts } from '../../components/panel.tsx';
import { bytes } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';
import { BladeTable } from './blade-table.tsx';

export function Findings({ reply }: { reply: TransactionReply }): JSX.Element {
  const { trace, incident } = reply;
  const words = texts.transaction.findings;
  const threat = trace?.threat ?? null;
  const told = [...(trace?.reqmod ?? []), ...(trace?.respmod ?? [])].flatMap(({ use, answer }) =>
    (answer?.headers ?? [])
      .filter(([name]) => /^x-(?!weir-blades$)/i.test(name))
      .map(([name, value]) => [use, name, value] as const),
  );
  const asked = [...(trace?.reqmod ?? []), ...(trace?.respmod ?? [])]
    .flatMap(({ services }) => services)
    .flatMap(({ service, blades = [] }) => (blades.length === 0 ? [] : [[service, blades] as const]));
  const coverage = trace?.coverage ?? null;
  const isEmpty = threat === null && incident === null && coverage === null;
  if (isEmpty && told.length === 0 && asked.length === 0) {
    return <p class="muted">{words.none}</p>;
  }
  const facts: [string, ComponentChildren][] = [
    [words.threat, threat?.name ?? incident?.threat],
    [words.blade, threat?.blade ?? incident?.blade],
    [words.severity, threat?.severity ?? incident?.severity],
    [
      words.coverage,
      coverage === null ? null : `${coverage.state}${coverage.reason === null ? '' : `: ${coverage.reason}`}`,
    ],
  ];
  if (incident !== null) {
    facts.push(
      [words.reason, incident.reason],
      [words.incident, incident.id],
      [words.profile, `${incident.service}, ${incident.profile}`],
      [
        words.emulation,
        incident.report === undefined ? null : (
          <a href={hrefOf('threats', incident.report)}>{incident.report}</a>
        ),
      ],
      [words.sha256, incident.sha256 === null ? null : <code>{incident.sha256}</code>],
      [words.size, bytes(incident.bytes)],
      [words.cached, incident.cached ? texts.common.yes : null],
      [
        words.quarantine,
        incident.quarantined ? <a href={hrefOf('threats', '', { tab: 'quarantine' })}>{words.kept}</a> : null,
      ],
    );
  }
  return (
    <>
      <Facts facts={facts} />
      {asked.map(([service, blades], at) => (
        <section key={at}>
          <h3>{`${texts.transaction.blades.title}: ${service}`}</h3>
          <BladeTable blades={blades} />
        </section>
      ))}
      {told.length > 0 && (
        <>
          <h3>{words.told}</h3>
          <table>
            <tbody>
              {told.map(([use, name, value], at) => (
                <tr key={at}>
                  <td>{use}</td>
                  <th scope="row">
                    <code>{name}</code>
                  </th>
                  <td class="break">{value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
      {incident !== null && <DataTree name={words.report} value={incident} />}
    </>
  );
}

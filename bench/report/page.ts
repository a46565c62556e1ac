// The page docs/performance.md: what was measured, on what, how, and what came out.
import type { Machine } from '../host/requirements.ts';
import { PEER_TITLES } from '../works.ts';
import { disturbedShare, summarize, type RunResult } from './summary.ts';
import { contextTable, detailTable, idleTable, mainTable, markdownLines } from './table.ts';

const NOTES = `- **Ratios are the claim.** Absolute figures move with the machine and with what else it does; peers that take turns within one run see the same machine. A ratio is the median over the rounds of the ratios within each round.
- **CPU time per exchange comes first.** It is the user and system time of all of a peer's processes, children and threads included (c-icap's too; its part stands in parentheses), divided by the number of exchanges. Load generator and origin share one core; where they had it more than 93 % busy, a \`*\` marks the throughput, which then is a lower bound.
- In-process means that the ICAP dialogue with Weir's own gateway takes place without a socket, with the same semantics and the same log record.
- A new tunnel is TCP, CONNECT, a full TLS handshake (no session offered), one exchange, and the end. Never-seen names are registrable names of their own, so that no wildcard certificate can cover two.
- Squid reads the client hello before it bumps (\`peek\` at step 1), as the examples of its documentation do, so that its leafs take after the origin's certificate and errors of the origin reach the client rightly. Bumping without a look saves it that work for known hosts and costs it more for new ones; those figures stand beside the comparison.
- c-icap's \`echo\` answers 204 to every other body and sends the rest back whole; it runs as one process with fixed threads, so that every other body is meant exactly.
- Squid signs RSA-2048 leafs, as it does by default; Weir signs ECDSA P-256 leafs. The client takes what it is given, as browsers do.
- Every response is checked for its status and length; one wrong response voids the measurement.`;

/** What was not as it should be while the run lasted. */
function conditionLines(result: RunResult): string[] {
  const disturbed = disturbedShare(result.measurements);
  const closing = [
    ...new Set(result.measurements.filter(({ reopened }) => reopened > 0).map(({ peer }) => peer)),
  ];
  return [
    ...(disturbed === 0
      ? []
      : [
          `- In this run other processes took more than 10 % of the tested core during ${(disturbed * 100).toFixed(0)} % of the measurements.`,
        ]),
    ...(closing.length === 0
      ? []
      : [
          `- Kept-alive connections that a proxy closed between two exchanges were opened anew, as HTTP clients do; this happened with: ${closing.map((peer) => PEER_TITLES[peer]).join(', ')}.`,
        ]),
  ];
}

function failureLines(result: RunResult): string[] {
  if (result.failures.length === 0) return [];
  const lines = result.failures.map(({ peer, work, reason }) => {
    const [first = ''] = reason.split('\n');
    return `- ${PEER_TITLES[peer]}, ${work}: ${first.slice(0, 200)}`;
  });
  return ['## What failed', '', ...lines, ''];
}

/**
 * Writes the page.
 *
 * @param rounds  how often every measurement was repeated
 * @returns Markdown, with its last line end
 */
export function performancePage(result: RunResult, machine: Machine, rounds: number, date: string): string {
  const rows = summarize(result);
  const peers = [
    machine.squid === undefined ? undefined : `Squid ${machine.squid}`,
    machine.cIcap === undefined ? undefined : `c-icap ${machine.cIcap}`,
    machine.origin,
  ].filter((text) => text !== undefined);
  const idle = idleTable(result);
  const context = contextTable(rows, result);
  return `${[
    '# Performance',
    '',
    'Written by `npm run bench`; do not edit by hand. The ICAP server alone: [performance-icap-server.md](performance-icap-server.md); interception: [performance-interception.md](performance-interception.md); scanning: [performance-scanning.md](performance-scanning.md); the dashboard: [performance-dashboard.md](performance-dashboard.md).',
    '',
    'The whole chain, in one run for every peer: HTTPS client → CONNECT → TLS interception → REQMOD and RESPMOD (preview 1024, `echo`: nothing is modified) → HTTPS origin (ECDSA P-256). The peer, its ICAP server included, is pinned to one core, load generator and origin to another.',
    '',
    `Machine: ${machine.cpu}, ${machine.cores} cores; Node ${machine.node}; ${peers.join(', ')}; ${date}; ${rounds} round${rounds === 1 ? '' : 's'}.`,
    '',
    '## CPU time per exchange and throughput',
    '',
    'Each ratio is against Squid + c-icap: CPU time per exchange first (2 means half the CPU time), throughput in parentheses. Targets are for the CPU ratio.',
    '',
    ...markdownLines(mainTable(rows, result)),
    '',
    ...(context.length === 0 ? [] : ['For context, not compared:', '', ...markdownLines(context), '']),
    ...(idle.length === 0
      ? []
      : [
          '## Memory of an idle tunnel',
          '',
          'Growth of the proxy’s resident memory, after one exchange in each.',
          '',
          ...markdownLines(idle),
          '',
        ]),
    '## Latency, peak memory, load',
    '',
    'p50 / p99 of an exchange, peak resident memory of all the peer’s processes, share of its core that load generator and origin were busy.',
    '',
    ...markdownLines(detailTable(rows, result)),
    '',
    ...failureLines(result),
    '## How to read it',
    '',
    NOTES,
    ...conditionLines(result),
    '',
    '## How to run it',
    '',
    'On Linux with two cores: `apt-get install squid-openssl c-icap nginx-light`, then `npm run bench`. Options and what is normal: [bench/README.md](../bench/README.md).',
  ].join('\n')}\n`;
}

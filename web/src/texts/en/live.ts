// Words of the live page.

export const live = {
  rate: (perSecond: string) => `${perSecond} transactions a second`,
  since: (all: string, blocked: string) => ` · ${all} since the start, ${blocked} blocked `,
  skipped: (amount: string) => `${amount} not shown`,
  skippedWhy: 'More came than a list can show. They count in all figures, and the filter finds them.',
  waiting: (amount: string) => `Show ${amount} new`,
  pause: 'Pause',
  goOn: 'Go on',
  noInspection:
    'No TLS is intercepted: HTTPS passes without a look inside. proxy.tls.rules of the configuration says so.',
  list: 'Transactions, newest first',
  byVerdict: 'Verdicts shown',
  more: 'More filters',
  fewer: 'Fewer filters',
  clear: 'Clear filters',
  fields: {
    q: 'Search URL, threat, user, id …',
    host: 'Host or domain',
    method: 'Method',
    status: 'Status, e.g. 404 or 5xx',
    client: 'Client address',
    user: 'User',
    service: 'ICAP service',
  },
  columns: {
    time: 'Time',
    verdict: 'Verdict',
    method: 'Method',
    url: 'URL',
    status: 'Status',
    client: 'Client',
    size: 'Size',
    duration: 'Duration',
  },
  empty: {
    title: 'No transaction yet',
    paused: 'Paused, and nothing has come before',
    filtered: 'No transaction fits this filter',
    how: 'Send one through the proxy; it appears here at once.',
    trust: 'Set up a browser or a device',
  },
} as const;

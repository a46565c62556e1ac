// Words of the threats page.

export const threats = {
  about: 'What was stopped, and what could not be looked at.',
  parts: 'Incidents, quarantine and reports',
  tabs: { incidents: 'Incidents', quarantine: 'Quarantine', reports: 'Reports' },
  range: 'Time',
  ranges: { '15': 'last 15 minutes', '60': 'last hour', '360': 'last 6 hours', '1440': 'last day' },
  coverage: {
    title: 'Coverage over time',
    transactions: 'transactions',
    blocked: 'blocked',
    notScanned: 'not scanned',
    toClients: 'sent to clients',
    none: 'No traffic in this time',
    reasons: 'Not scanned, by reason',
  },
  top: { threats: 'Threats', hosts: 'Hosts', clients: 'Clients' },
  incidents: {
    title: 'Incidents, newest first',
    none: 'No incident',
    noneHow:
      'What the gateway blocks is listed here. “curl” the harmless EICAR test file through the proxy to see one.',
    time: 'Time',
    found: 'Found',
    url: 'URL',
    client: 'User or client',
    report: (id: string) => `Report ${id}`,
    allowOnce: 'Allow once',
    allowOnceWhat: (threat: string) =>
      `For an hour this very content (by its SHA-256) passes in spite of ${threat}.`,
    late: (people: number) =>
      people === 1
        ? 'The verdict came late: one client has it'
        : `The verdict came late: ${people} clients have it`,
  },
  release: {
    reason: 'Reason, for the log',
    done: 'Done, and noted in the log',
  },
  quarantine: {
    title: 'Objects in quarantine, newest first',
    off: 'The quarantine is off',
    offHow: 'gateway.quarantine of the configuration switches it on.',
    none: 'The quarantine is empty',
    noneHow: 'Copies of blocked content are kept here where the configuration says so.',
    holds: (used: string, limit: string | null) =>
      limit === null ? `${used} in use` : `${used} of ${limit} in use`,
    time: 'Time',
    found: 'Found',
    file: 'File',
    actions: 'Actions',
    release: 'Release',
    released: 'Released',
    releaseWhat: 'For 30 days this very content (by its SHA-256) passes. Make sure that it is harmless.',
    download: 'Download',
    remove: 'Delete',
    removeWhat: (what: string, threat: string) =>
      `The copy of ${what} (${threat}) is deleted for good. The incident stays.`,
  },
} as const;

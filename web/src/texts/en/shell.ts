// Words of the frame, and those that many pages use.

export const pages = {
  live: 'Live',
  transaction: 'Transaction',
  services: 'Services',
  policy: 'Policy',
  threats: 'Threats',
  trust: 'Trust',
} as const;

export const verdicts = {
  allowed: 'Allowed',
  blocked: 'Blocked',
  modified: 'Modified',
  bypassed: 'Not scanned',
  error: 'Error',
} as const;

export const common = {
  copy: 'Copy',
  copied: 'Copied',
  notCopied: (why: string) => `Not copied: ${why}`,
  command: 'Command',
  close: 'Close',
  cancel: 'Cancel',
  loading: 'Loading …',
  retry: 'Try again',
  save: 'Save',
  none: 'none',
  yes: 'yes',
  no: 'no',
  unknown: 'not known',
  noAnswer: 'Weir does not answer.',
  noAnswerHint: 'Look whether it still runs, and whether it listens at this address.',
  failed: (what: string) => `That did not work: ${what}`,
} as const;

export const shell = {
  skip: 'Skip to the page',
  home: 'Weir, live transactions',
  navigation: 'Pages',
  theme: { light: 'Light colours', dark: 'Dark colours' },
  help: 'Keyboard shortcuts (?)',
  shortcuts: 'Keyboard shortcuts',
  keys: [
    ['/', 'Search (Live)'],
    ['Space', 'Pause and go on (Live)'],
    ['j', 'Next transaction (Live)'],
    ['k', 'Previous transaction (Live)'],
    ['?', 'This list'],
    ['Escape', 'Close a dialog'],
  ] as readonly (readonly [string, string])[],
  reconnecting: 'Not connected to Weir.',
  reconnectingHow: 'What you see may be old. It tries again by itself; look whether Weir still runs.',
  signIn: 'Sign in',
  signInHow:
    'This console needs the token of the running Weir. “weir start” prints an address with it; it also lies in the file dashboard.token beside the CA, or is what dashboard.token of the configuration says.',
  token: 'Token',
} as const;

export const charts = {
  most: (amount: string) => `highest ${amount}`,
} as const;

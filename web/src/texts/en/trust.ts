// Words of the trust page.

export const trust = {
  about: 'What clients must trust, so that HTTPS can be inspected.',
  certificate: 'Certificate authority of this Weir',
  subject: 'Name',
  fingerprint256: 'SHA-256',
  fingerprint1: 'SHA-1',
  valid: 'Valid',
  fromTo: (from: string, to: string) => `${from} to ${to}`,
  file: 'File',
  proxy: 'Proxy to enter',
  steps: 'How to trust it',
  check: {
    title: 'This browser',
    run: 'Test this browser',
    states: {
      idle: 'Does it go through the proxy, and does it trust the certificate authority?',
      asking: 'Asking …',
      elsewhere: 'It does not go through the proxy.',
      untrusted: 'It goes through the proxy, and does not trust the certificate authority yet.',
      trusted: 'It goes through the proxy, and trusts the certificate authority.',
    },
    elsewhereHow: 'Enter the proxy below in the settings of the browser or the system, then test again.',
    untrustedHow: 'Follow the steps for this platform below, restart the browser, then test again.',
  },
} as const;

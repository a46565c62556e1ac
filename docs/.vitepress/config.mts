// The documentation as a static site with search: `npm run docs` writes it to docs/.vitepress/dist. The pages
// are the same that can be read in the repository; nothing is written for the site alone but index.md.

const page = (text: string, link: string) => ({ text, link });

// No `defineConfig` of vitepress: npx runs it from a folder of its own, which is not found from here.
export default {
  title: 'Weir',
  description: 'HTTPS inspection with ICAP: an intercepting proxy and a security gateway',
  cleanUrls: true,
  lastUpdated: false,
  metaChunk: true,
  vite: { build: { chunkSizeWarningLimit: 1500 } },
  // Links from pages into the source tree have no target on the site.
  ignoreDeadLinks: [
    /\.\.\/(?:\.\.\/)?(?:src|test|bench|plugins|examples|packaging|README|CONTRIBUTING|ROADMAP|CHANGELOG|bin)/,
  ],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      page('Tutorial', '/tutorial'),
      page('Commands', '/commands'),
      page('Configuration', '/configuration'),
    ],
    sidebar: [
      {
        text: 'Start',
        items: [
          page('The first five minutes', '/tutorial'),
          page('The demo', '/demo'),
          {
            text: 'Set up a device',
            link: '/setup/',
            collapsed: true,
            items: [
              page('Windows', '/setup/windows'),
              page('macOS', '/setup/macos'),
              page('Linux', '/setup/linux'),
              page('iPhone and iPad', '/setup/ios'),
              page('Android', '/setup/android'),
              page('Firefox', '/setup/firefox'),
              page('Java', '/setup/java'),
              page('Docker', '/setup/docker'),
              page('Command line', '/setup/command-line'),
              page('PAC files', '/setup/pac'),
            ],
          },
          page('The dashboard', '/dashboard'),
        ],
      },
      {
        text: 'Understand',
        items: [
          page('How ICAP works', '/explained/icap'),
          page('Security model', '/explained/security-model'),
          page('What decryption means for people', '/explained/privacy'),
          page('Architecture', '/architecture'),
          page('Life of a transaction', '/internals/lifecycle'),
        ],
      },
      {
        text: 'The proxy',
        collapsed: true,
        items: [
          page('What is decrypted', '/tls-rules'),
          page('Certificates', '/certificates'),
          page('Ways in', '/ways-in'),
          page('Ways out', '/ways-out'),
          page('HTTP/2', '/http2'),
          page('WebSocket', '/websocket'),
          page('Slow scans', '/slow-scans'),
          page('Ranges and streams', '/ranges-and-streams'),
          page('Limits', '/limits'),
        ],
      },
      {
        text: 'ICAP',
        collapsed: true,
        items: [
          page('Rules, groups, chains', '/adaptation'),
          page('Servers of other makers', '/chaining'),
          page('When a service fails', '/faults'),
          page('Tools', '/icap-tools'),
          page('doctor', '/icap-doctor'),
          page('Interoperation', '/interop'),
          page('Conformance', '/conformance'),
        ],
      },
      {
        text: 'The gateway',
        collapsed: true,
        items: [
          page('Profiles', '/profiles'),
          page('Deep scan', '/deep-scan'),
          page('Threat Emulation', '/threat-emulation'),
          page('URL filter', '/blades/url-filter'),
          page('DLP', '/blades/dlp'),
          page('Rewrite', '/blades/rewrite'),
          page('Macro removal', '/blades/cdr'),
          page('Quarantine', '/quarantine'),
          page('UserCheck', '/usercheck'),
          page('Who may use it', '/gateway-access'),
        ],
      },
      {
        text: 'Plugins and embedding',
        collapsed: true,
        items: [
          page('Write a plugin', '/plugins/tutorial'),
          page('Plugin reference', '/plugins/reference'),
          page('Inside your own program', '/embedding'),
        ],
      },
      {
        text: 'Operate',
        collapsed: true,
        items: [
          page('systemd', '/operations/systemd'),
          page('Container', '/operations/container'),
          page('HAProxy', '/operations/haproxy'),
          page('Reload', '/operations/reload'),
          page('Why did it go so?', '/why'),
          page('Record and replay', '/record-replay'),
          page('Metrics', '/operations/metrics'),
          page('Traces', '/operations/tracing'),
          page('SIEM and webhooks', '/operations/siem'),
          page('Dashboard', '/dashboard'),
          page('Dashboard API', '/dashboard-api'),
        ],
      },
      {
        text: 'Reference',
        items: [
          page('Commands', '/commands'),
          page('Configuration', '/configuration'),
          page('Log records', '/log'),
          page('Errors and statuses', '/errors'),
          page('Performance', '/performance'),
          page('Performance of the gateway', '/performance-icap-server'),
          page('Performance of scanning', '/performance-scanning'),
        ],
      },
    ],
  },
};

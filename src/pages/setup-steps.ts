// What there is to do on each platform so that it uses the proxy and trusts its CA: as data, for the page and
// for the plain text that command-line programs get. Which of them a visitor sees first is setup-page.ts.

/** What the steps name. */
export interface SetupPlace {
  /** `http://host:port`, or `https://…` where the proxy speaks TLS. */
  readonly proxyUrl: string;
  /** Without brackets. */
  readonly proxyHost: string;
  readonly proxyPort: number;
}

export const PLATFORMS = [
  ...['windows', 'macos', 'linux', 'ios', 'android', 'firefox'],
  ...['curl', 'git', 'node', 'python', 'java', 'docker'],
] as const;

export type Platform = (typeof PLATFORMS)[number];

/** One step: what to do, and a command to paste or a file to take. */
export interface Step {
  readonly text: string;
  readonly command?: string;
  readonly download?: 'ca.pem' | 'ca.der' | 'ca.mobileconfig' | 'ca.p12' | 'proxy.pac';
}

export interface Guide {
  readonly platform: string;
  readonly name: string;
  readonly steps: readonly Step[];
}

/** The guides in the order of {@link PLATFORMS}. */
export function setupGuides(place: SetupPlace): readonly Guide[] {
  return PLATFORMS.map((platform) => ({ platform, name: NAMES[platform], steps: STEPS[platform](place) }));
}

const NAMES: Readonly<Record<Platform, string>> = {
  windows: 'Windows',
  macos: 'macOS',
  linux: 'Linux',
  ios: 'iPhone and iPad',
  android: 'Android',
  firefox: 'Firefox',
  curl: 'curl and wget',
  git: 'Git',
  node: 'Node.js and npm',
  python: 'Python',
  java: 'Java',
  docker: 'Docker',
};

const fetchCa = ({ proxyUrl }: SetupPlace, folder = ''): string =>
  `curl -x ${proxyUrl} -o ${folder}weir-ca.pem http://weir.local/ca.pem`;

/** Debian's place; elsewhere it is /etc/pki/tls/certs/ca-bundle.crt. */
const withSystemRoots = 'cat /etc/ssl/certs/ca-certificates.crt weir-ca.pem > weir-bundle.pem';

const byHand = ({ proxyHost, proxyPort }: SetupPlace): string => `host ${proxyHost}, port ${proxyPort}`;

const STEPS: Readonly<Record<Platform, (place: SetupPlace) => readonly Step[]>> = {
  windows: (place) => [
    {
      text: `Proxy: Settings, “Network & internet”, “Proxy”, “Manual proxy setup”: ${byHand(place)}. Save.`,
    },
    { text: 'Take the certificate.', download: 'ca.der' },
    {
      text: 'Open it, choose “Install Certificate…”, “Local Machine”, “Place all certificates in the following store”, “Trusted Root Certification Authorities”, “Finish”.',
    },
    {
      text: 'Or in a terminal that runs as administrator, in the folder of the download:',
      command: 'certutil -addstore ROOT weir-ca.cer',
    },
    { text: 'Close Chrome and Edge and open them again. Firefox: see below.' },
  ],
  macos: (place) => [
    {
      text: `Proxy: System Settings, “Network”, the network in use, “Details…”, “Proxies”: “Web proxy (HTTP)” and “Secure web proxy (HTTPS)” with ${byHand(place)}. Take “*.local” out of the list of hosts that bypass the proxy.`,
    },
    { text: 'Take the certificate.', download: 'ca.pem' },
    {
      text: 'In a terminal, in the folder of the download; macOS asks for your password:',
      command:
        'sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain weir-ca.pem',
    },
    {
      text: 'Or without a terminal: open the profile below, then System Settings, “General”, “Device Management”, “Weir CA”, “Install…”.',
      download: 'ca.mobileconfig',
    },
  ],
  linux: (place) => [
    {
      text: `Proxy: Settings, “Network”, “Proxy”, “Manual”: HTTP and HTTPS proxy with ${byHand(place)}. In a shell:`,
      command: `export http_proxy=${place.proxyUrl} https_proxy=${place.proxyUrl}`,
    },
    { text: 'Take the certificate.', command: fetchCa(place) },
    {
      text: 'Debian, Ubuntu:',
      command:
        'sudo install -m 644 weir-ca.pem /usr/local/share/ca-certificates/weir-ca.crt && sudo update-ca-certificates',
    },
    {
      text: 'Fedora, RHEL:',
      command:
        'sudo install -m 644 weir-ca.pem /etc/pki/ca-trust/source/anchors/ && sudo update-ca-trust extract',
    },
    {
      text: 'Arch:',
      command: 'sudo trust anchor --store weir-ca.pem',
    },
    {
      text: 'Chromium and Chrome have a store of their own (certutil is in the package libnss3-tools, or nss-tools):',
      command: 'certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "Weir CA" -i weir-ca.pem',
    },
    {
      text: 'On the machine that Weir runs on, one command does all of it, Firefox and Java included:',
      command: 'weir ca trust',
    },
  ],
  ios: (place) => [
    {
      text: `Proxy: Settings, “Wi-Fi”, the ⓘ of the network, “Configure Proxy”, “Manual”: ${byHand(place)}. Save.`,
    },
    {
      text: 'Open this page in Safari and take the profile; allow the download.',
      download: 'ca.mobileconfig',
    },
    { text: 'Settings, “Profile Downloaded” (or “General”, “VPN & Device Management”): “Install”.' },
    {
      text: 'Settings, “General”, “About”, “Certificate Trust Settings”: switch on “Weir CA”. Without this last step nothing trusts it.',
    },
  ],
  android: (place) => [
    {
      text: `Proxy: Settings, “Network & internet”, “Internet”, the network, pencil, “Advanced options”, “Proxy”, “Manual”: ${byHand(place)}. Save.`,
    },
    { text: 'Take the certificate.', download: 'ca.der' },
    {
      text: 'Settings, “Security & privacy”, “More security & privacy”, “Encryption & credentials”, “Install a certificate”, “CA certificate”, “Install anyway”, and choose the file.',
    },
    {
      text: 'Chrome trusts it now. Most apps do not, unless their maker allows certificates of users: pass their hosts through unread (proxy.tls.rules, action: splice).',
    },
  ],
  firefox: (place) => [
    {
      text: `Proxy: Settings, “General”, “Network Settings”, “Settings…”: “Manual proxy configuration” with ${byHand(place)}, and “Also use this proxy for HTTPS”.`,
    },
    {
      text: 'Windows and macOS: once the system trusts the certificate, so does Firefox, as long as Settings, “Privacy & Security”, “Certificates”, “Allow Firefox to automatically trust third-party root certificates you install” is on.',
    },
    {
      text: 'Everywhere else take the certificate; Firefox asks what it is to be trusted for: “Trust this CA to identify websites”.',
      download: 'ca.der',
    },
    {
      text: 'If it was saved as a file instead: Settings, “Privacy & Security”, “View Certificates…”, “Authorities”, “Import…”.',
    },
  ],
  curl: (place) => [
    { text: 'Take the certificate.', command: fetchCa(place) },
    { text: 'Once:', command: `curl -x ${place.proxyUrl} --cacert weir-ca.pem https://example.com/` },
    {
      text: 'For all of a shell: a file with the system’s roots as well, for hosts that Weir passes through unread.',
      command: withSystemRoots,
    },
    {
      text: 'curl and wget, and whatever else uses OpenSSL, read these:',
      command: `export http_proxy=${place.proxyUrl} https_proxy=${place.proxyUrl}\nexport CURL_CA_BUNDLE=$PWD/weir-bundle.pem SSL_CERT_FILE=$PWD/weir-bundle.pem`,
    },
  ],
  git: (place) => [
    { text: 'Take the certificate.', command: fetchCa(place, '~/') },
    {
      text: 'For every repository:',
      command: `git config --global http.proxy ${place.proxyUrl} && git config --global http.sslCAInfo ~/weir-ca.pem`,
    },
    {
      text: 'Back again:',
      command: 'git config --global --unset http.proxy; git config --global --unset http.sslCAInfo',
    },
  ],
  node: (place) => [
    { text: 'Take the certificate.', command: fetchCa(place) },
    {
      text: 'Node adds it to its own roots:',
      command: 'export NODE_EXTRA_CA_CERTS=$PWD/weir-ca.pem',
    },
    {
      text: 'Node 22.15 and later can use what the system trusts instead:',
      command: 'node --use-system-ca app.js',
    },
    {
      text: 'Node 24 and later takes the proxy from the environment; before that the program must support one. npm does:',
      command: `export NODE_USE_ENV_PROXY=1 http_proxy=${place.proxyUrl} https_proxy=${place.proxyUrl}\nnpm config set proxy ${place.proxyUrl}\nnpm config set https-proxy ${place.proxyUrl}`,
    },
  ],
  python: (place) => [
    { text: 'Take the certificate.', command: fetchCa(place) },
    {
      text: 'A file with the system’s roots as well, for hosts that Weir passes through unread.',
      command: withSystemRoots,
    },
    {
      text: 'requests, pip and urllib read these:',
      command: `export http_proxy=${place.proxyUrl} https_proxy=${place.proxyUrl}\nexport REQUESTS_CA_BUNDLE=$PWD/weir-bundle.pem PIP_CERT=$PWD/weir-bundle.pem SSL_CERT_FILE=$PWD/weir-bundle.pem`,
    },
  ],
  java: (place) => [
    { text: 'Take the certificate.', command: fetchCa(place) },
    {
      text: 'Into the trust store of this Java, which needs the right to write there:',
      command: 'keytool -importcert -noprompt -cacerts -storepass changeit -alias weir-ca -file weir-ca.pem',
    },
    {
      text: 'Or for one program, with the trust store below (password: changeit), which then is all that it trusts:',
      command: `java -Djavax.net.ssl.trustStore=weir-ca.p12 -Djavax.net.ssl.trustStorePassword=changeit -Dhttps.proxyHost=${place.proxyHost} -Dhttps.proxyPort=${place.proxyPort} -Dhttp.proxyHost=${place.proxyHost} -Dhttp.proxyPort=${place.proxyPort} -jar app.jar`,
      download: 'ca.p12',
    },
  ],
  docker: (place) => [
    { text: 'Take the certificate, beside your Dockerfile.', command: fetchCa(place) },
    {
      text: 'Images of Debian and Ubuntu that have ca-certificates, in the Dockerfile:',
      command: 'COPY weir-ca.pem /usr/local/share/ca-certificates/weir-ca.crt\nRUN update-ca-certificates',
    },
    {
      text: 'Builds and containers take the proxy from ~/.docker/config.json. A loopback address is the container’s own: let Weir listen on an address that containers reach.',
      command: JSON.stringify({
        proxies: { default: { httpProxy: place.proxyUrl, httpsProxy: place.proxyUrl } },
      }),
    },
    {
      text: 'Pulls are made by the daemon, which uses the store and the environment of its host; then restart it:',
      command: `sudo mkdir -p /etc/systemd/system/docker.service.d\nprintf '[Service]\\nEnvironment="HTTPS_PROXY=${place.proxyUrl}"\\n' | sudo tee /etc/systemd/system/docker.service.d/proxy.conf\nsudo systemctl daemon-reload && sudo systemctl restart docker`,
    },
  ],
};

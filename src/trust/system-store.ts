// The store that most programs of a system use: a folder of anchors and a program that makes bundles of it on
// Linux, the System keychain on macOS, the ROOT store of the machine on Windows.

import { X509Certificate } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isAccessible, outcomeOf, programOn } from './steps.ts';
import { type Found, type Machine, nothingFound, type Step, type TrustStore } from './store.ts';

/** How a Linux distribution keeps its anchors. */
export interface AnchorLayout {
  readonly label: string;
  readonly anchors: string;
  readonly extension: '.crt' | '.pem';
  /** Names of the program, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** PEM file in which a trusted anchor turns up. */
  readonly bundle: string;
  /** Debian: the list of what is trusted, by which alone its program learns what to take out. */
  readonly list?: string;
}

export const LAYOUTS: readonly AnchorLayout[] = [
  {
    label: 'system store (Debian, Ubuntu)',
    anchors: '/usr/local/share/ca-certificates',
    extension: '.crt',
    program: 'update-ca-certificates',
    args: [],
    bundle: '/etc/ssl/certs/ca-certificates.crt',
    list: '/etc/ca-certificates.conf',
  },
  {
    label: 'system store (Fedora, RHEL)',
    anchors: '/etc/pki/ca-trust/source/anchors',
    extension: '.pem',
    program: 'update-ca-trust',
    args: ['extract'],
    bundle: '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  },
  {
    label: 'system store (Arch)',
    anchors: '/etc/ca-certificates/trust-source/anchors',
    extension: '.crt',
    program: 'update-ca-trust',
    args: [],
    bundle: '/etc/ca-certificates/extracted/tls-ca-bundle.pem',
  },
  {
    label: 'system store (SUSE)',
    anchors: '/usr/share/pki/trust/anchors',
    extension: '.pem',
    program: 'update-ca-certificates',
    args: [],
    bundle: '/var/lib/ca-certificates/ca-bundle.pem',
  },
];

const KEYCHAIN = '/Library/Keychains/System.keychain';

/** @param layouts  of Linux; the first whose folder is there is taken */
export function systemStores(machine: Machine, layouts: readonly AnchorLayout[] = LAYOUTS): Found {
  const { platform, root, env, isRoot } = machine;
  if (platform === 'darwin') return { ...nothingFound(), stores: [keychain(isRoot)] };
  if (platform === 'win32') return { ...nothingFound(), stores: [windowsRoot(env)] };
  const layout = layouts.find(({ anchors }) => existsSync(root + anchors));
  const program = layout === undefined ? null : programOn(env, [layout.program]);
  if (layout === undefined || program === null) {
    const text =
      'no system store was found: install the package ca-certificates, or give the file of `weir ca export` to your programs';
    return { ...nothingFound(), missing: [text] };
  }
  return { ...nothingFound(), stores: [anchorStore(layout, program, root)] };
}

function anchorStore(layout: AnchorLayout, program: string, root: string): TrustStore {
  const folder = root + layout.anchors;
  const fileOf = (name: string): string => path.join(folder, `${name}${layout.extension}`);
  const update: Step = { do: 'run', command: [program, ...layout.args] };
  return {
    kind: 'system',
    label: layout.label,
    place: folder,
    writable: isAccessible(folder, constants.W_OK),
    trusts: async (certificate) => {
      const text = await readFile(root + layout.bundle, 'latin1').catch(() => '');
      return squeezed(text).includes(squeezed(certificate.toString()));
    },
    holds: async ({ name, fingerprint }) => {
      const text = await readFile(fileOf(name), 'latin1').catch(() => null);
      return text !== null && fingerprintOf(text) === fingerprint;
    },
    install: ({ name }, certificate) => [
      { do: 'write', file: fileOf(name), content: certificate.toString() },
      update,
    ],
    remove: ({ name }) => {
      const gone: Step = { do: 'remove', file: fileOf(name) };
      if (layout.list === undefined) return [gone, update];
      const list = root + layout.list;
      const changed = `${list}.${name}`;
      const command: Step[] = [
        { do: 'run', command: ['cp', list, changed] },
        { do: 'run', command: ['sh', '-c', 'printf "\\n!%s\\n" "$1" >> "$2"', 'sh', `${name}.crt`, changed] },
        { do: 'run', command: [program, ...layout.args, '--certsconf', changed] },
        { do: 'remove', file: changed },
      ];
      return [gone, ...command];
    },
  };
}

function keychain(isRoot: boolean): TrustStore {
  const security = '/usr/bin/security';
  const listed = async (fingerprint: string): Promise<boolean> => {
    const { stdout } = await outcomeOf([security, 'find-certificate', '-a', '-Z', KEYCHAIN]);
    return stdout.includes(bare(fingerprint));
  };
  return {
    kind: 'system',
    label: 'System keychain (macOS)',
    place: KEYCHAIN,
    writable: isRoot,
    trusts: ({ fingerprint256 }) => listed(fingerprint256),
    holds: ({ fingerprint }) => listed(fingerprint),
    install: ({ name }, certificate) => {
      const file = `/var/root/${name}.pem`; // where nobody else can put a link
      return [
        { do: 'write', file, content: certificate.toString() },
        { do: 'run', command: [security, 'add-trusted-cert', '-d', '-r', 'trustRoot', '-k', KEYCHAIN, file] },
        { do: 'remove', file },
      ];
    },
    // `-t` takes the trust settings away with the certificate.
    remove: ({ sha1 }) => [
      { do: 'run', command: [security, 'delete-certificate', '-Z', bare(sha1), '-t', KEYCHAIN] },
    ],
  };
}

function windowsRoot(env: NodeJS.ProcessEnv): TrustStore {
  const folder = path.win32.join(env['SystemRoot'] ?? 'C:\\Windows', 'System32');
  const certutil = path.win32.join(folder, 'certutil.exe'); // not the one of NSS
  const listed = async (sha1: string): Promise<boolean> =>
    (await outcomeOf([certutil, '-store', 'ROOT', bare(sha1)])).code === 0;
  return {
    kind: 'system',
    label: 'ROOT store of this machine (Windows)',
    place: 'LocalMachine\\ROOT',
    writable: isAccessible(path.win32.join(folder, 'config'), constants.R_OK), // administrators only
    trusts: ({ fingerprint }) => listed(fingerprint), // SHA-1
    holds: ({ sha1 }) => listed(sha1),
    install: ({ name }, certificate) => {
      const file = path.win32.join(env['TEMP'] ?? 'C:\\Windows\\Temp', `${name}.cer`);
      return [
        { do: 'write', file, content: certificate.toString() },
        { do: 'run', command: [certutil, '-f', '-addstore', 'ROOT', file] },
        { do: 'remove', file },
      ];
    },
    remove: ({ sha1 }) => [{ do: 'run', command: [certutil, '-delstore', 'ROOT', bare(sha1)] }],
  };
}

/** SHA-256 of the one certificate in a text; null for anything else. */
function fingerprintOf(pem: string): string | null {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return null;
  }
}

const bare = (fingerprint: string): string => fingerprint.replaceAll(':', '');

const squeezed = (pem: string): string => pem.replace(/[\r\n]/g, '');

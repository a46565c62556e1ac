// Which foreign programs the tests use (table.json), where they are, and which Debian package brings
// each. Plain JavaScript, because test/run.mjs needs it before anything is built or installed.

import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** @type {Record<string, { package: string, command?: string, file?: string, cIcapModule?: string }>} */
export const PEERS = JSON.parse(readFileSync(new URL('./table.json', import.meta.url), 'utf8'));

/**
 * Absolute path of a command, or null. Looks in PATH and in the sbin folders, which PATH of an ordinary
 * user lacks on Debian.
 * @param {string} command
 * @returns {string | null}
 */
export function findCommand(command) {
  const folders = (process.env.PATH ?? '')
    .split(path.delimiter)
    .concat('/usr/sbin', '/sbin', '/usr/local/sbin');
  return folders.map((folder) => path.join(folder, command)).find(isExecutable) ?? null;
}

/**
 * Folder with c-icap's modules and services, or null.
 * @returns {string | null}
 */
export function findCIcapModules() {
  const libraries = ['/usr/lib', '/usr/lib64', '/usr/local/lib'];
  const candidates = libraries
    .flatMap((folder) => [folder, ...subfolders(folder)])
    .map((folder) => `${folder}/c_icap`);
  return candidates.find((folder) => exists(path.join(folder, 'srv_echo.so'))) ?? null;
}

/**
 * True when the peer of this name (a key of table.json) can be used.
 * @param {string} name
 * @returns {boolean}
 */
export function hasPeer(name) {
  const peer = PEERS[name];
  if (peer === undefined) throw new Error(`no such peer in table.json: ${name}`);
  if (peer.command !== undefined && findCommand(peer.command) === null) return false;
  if (peer.file !== undefined && !exists(peer.file)) return false;
  if (peer.cIcapModule === undefined) return true;
  const modules = findCIcapModules();
  return modules !== null && exists(path.join(modules, peer.cIcapModule));
}

/**
 * Names of all peers that are missing here.
 * @returns {string[]}
 */
export function missingPeers() {
  return Object.keys(PEERS).filter((name) => !hasPeer(name));
}

/** @param {string} file */
function exists(file) {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} folder */
function subfolders(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(folder, entry.name));
  } catch {
    return [];
  }
}

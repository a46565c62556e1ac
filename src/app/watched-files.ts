// The files beside the configuration's own that a running Weir has read, and would have to read again.

import { certificatePathIn, keyPathIn } from '../ca/files.ts';
import type { Running } from './running.ts';
import { filesOfWaysOut } from './ways-out.ts';

/** Absolute paths of files and folders, without repetition. */
export function watchedFiles({ config, halves, own, workers }: Running): string[] {
  const files = [...(own?.blades.watched ?? workers!.watched)];
  if (halves.proxy) {
    const { certs, ca, upstream, auth, listen, reverse, tls } = config.proxy;
    files.push(certificatePathIn(certs), keyPathIn(certs), ...upstream.trust);
    files.push(...filesOfWaysOut(upstream), ...upstream.crls);
    for (const { lists = [] } of tls.rules) files.push(...lists);
    if (ca.passphraseFile !== null) files.push(ca.passphraseFile);
    if (auth?.basic?.file != null) files.push(auth.basic.file);
    if (auth?.groups != null) files.push(auth.groups);
    for (const { tls } of Object.values(config.adaptation.services)) {
      files.push(...tls.ca, ...[tls.cert, tls.key].filter((file) => file !== null));
    }
    for (const { tls } of listen) {
      files.push(...[tls?.cert, tls?.key, tls?.clientCa].filter((file) => file != null));
    }
    for (const { tls } of reverse) if (tls !== null) files.push(tls.cert, tls.key);
  }
  if (halves.gateway) {
    const { auth, services, listen } = config.gateway;
    if (config.usercheck.templates !== null) files.push(config.usercheck.templates);
    for (const owner of [{ auth }, ...Object.values(services)]) {
      if (owner.auth !== null) files.push(owner.auth.basic.file);
    }
    for (const { tls } of listen) {
      if (tls !== null) files.push(tls.cert, tls.key, ...(tls.clientCa === null ? [] : [tls.clientCa]));
    }
  }
  return [...new Set(files)];
}

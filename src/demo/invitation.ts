// What can be done with a lab that stays up: where it is, and lines to paste.

import type { RunningLab } from './lab.ts';

/** Lines to print, ending in an empty one. */
export function invitation({ weir, folder, startPage, origin }: RunningLab): string {
  const proxy = `http://${weir.proxyAddresses[0]}`;
  const curl = `curl -x ${proxy} --cacert ${weir.ca!.path}`;
  const { dashboard } = weir;
  const status =
    dashboard === null ? [] : [`   dashboard  http://${dashboard.address}/?token=${dashboard.token}`];
  return [
    'The lab stays up until Ctrl-C.',
    `   start page ${startPage} (through the proxy)`,
    `   proxy      ${proxy}`,
    `   CA         ${weir.ca!.path}`,
    ...status,
    `   files      ${folder} (removed at the end)`,
    '',
    'Try it:',
    `   ${curl} ${origin.url('www', '/clean')}`,
    `   ${curl} ${origin.url('files', '/invoice.zip')}`,
    '',
    '',
  ].join('\n');
}

// `weir ca rotate`: a new CA in the place of the one in use, with time for clients to trust it first. Prints
// what there is to do and when.

import { type Command, Option } from 'commander';
import { CertificateAuthority, subjectOf } from '../ca/authority.ts';
import { parsePermitted } from '../ca/name-constraints.ts';
import { makeRoot } from '../ca/root.ts';
import type { CaKeyType } from '../ca/root.ts';
import { beginRotation, cancelRotation, dropFormer, nextCa } from '../ca/rotation.ts';
import { parseDuration } from '../config/units.ts';
import { ConfigError } from '../errors.ts';
import { caPlace, withFolder } from './ca-folder.ts';
import type { CaOptions } from './ca-folder.ts';
import { showCa } from './ca-show.ts';
import { type CommandContext, examples } from './context.ts';
import { shortPath } from './shell.ts';

const DAY_MS = 86_400_000;
const MAX_DELAY_DAYS = 365;

interface RotateOptions extends CaOptions {
  readonly in?: string;
  readonly keyType: CaKeyType;
  readonly permit?: string[];
  readonly cancel?: true;
  readonly finish?: true;
}

export function addCaRotate(ca: Command, { terminal }: CommandContext): void {
  const write = (text: string): void => void terminal.stdout.write(`${text}\n`);
  withFolder(ca.command('rotate').description('put a new CA in the place of the one in use'))
    .option(
      '--in <time>',
      'when the new one takes over, e.g. 14d; clients can trust it until then (default: now)',
    )
    .addOption(new Option('--key-type <type>', 'kind of key').choices(['ec', 'rsa']).default('ec'))
    .option('--permit <names...>', 'domains and networks that the new CA may certify (default: all)')
    .addOption(new Option('--cancel', 'give up the CA that waits to take over').conflicts(['in', 'finish']))
    .addOption(new Option('--finish', 'take former CAs out of ca.pem').conflicts(['in', 'cancel']))
    .option('--json', 'print what `show --json` prints')
    .addHelpText('after', examples('weir ca rotate --in 14d', 'weir ca rotate --finish'))
    .action(async (options: RotateOptions) => {
      const { folder, passphrase } = await caPlace(options, terminal);
      const say = options.json === true ? () => {} : write;
      const file = shortPath(
        (await CertificateAuthority.load(folder, { passphrase })).certificatePath,
        terminal.cwd,
      );
      if (options.cancel === true) {
        say((await cancelRotation(folder)) ? 'the CA that waited is gone' : 'no CA waits to take over');
      } else if (options.finish === true) {
        const dropped = await dropFormer(folder);
        for (const x509 of dropped) say(`no longer in ${file}: ${subjectOf(x509)}`);
        say(
          dropped.length === 0
            ? `${file} holds no former CA`
            : 'Take it out of the trust stores of clients, too.',
        );
      } else {
        const activeFrom = Date.now() + delayOf(options.in);
        const permitted = options.permit === undefined ? null : parsePermitted(options.permit);
        await beginRotation(
          folder,
          await makeRoot({ keyType: options.keyType, permitted, passphrase }),
          activeFrom,
        );
        if (options.in === undefined) await CertificateAuthority.load(folder, { passphrase });
        for (const line of advice(file, options.in === undefined ? null : new Date(activeFrom))) say(line);
      }
      const authority = await CertificateAuthority.load(folder, { passphrase });
      await showCa(folder, authority, options.json === true ? {} : null, terminal);
      if ((await nextCa(folder)) === null) return;
      say('\nA Weir that runs changes over by itself on the day; one that is down, at its next start.');
    });
}

function advice(file: string, activeFrom: Date | null): string[] {
  const lead =
    activeFrom === null
      ? [
          'The new CA is in use, at once in a Weir that runs and watches its files, else after its next reload.',
        ]
      : [`A new CA waits: it is in use from ${activeFrom.toISOString()} on.`];
  return [
    ...lead,
    `${file} holds both from now on. Let every client trust it${activeFrom === null ? '' : ' before that day'}:`,
    '  weir ca export --out weir-ca.pem',
    'When no client needs the former one any more:',
    '  weir ca rotate --finish',
    '',
  ];
}

/** Milliseconds. @throws {ConfigError} `ERR_CONFIG_VALUE` */
function delayOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const days = /^(\d{1,3})d$/.exec(text)?.[1];
  const delay = days === undefined ? durationOf(text) : Number(days) * DAY_MS;
  if (delay >= 0 && delay <= MAX_DELAY_DAYS * DAY_MS) return delay;
  throw new ConfigError('ERR_CONFIG_VALUE', `--in: expected at most ${MAX_DELAY_DAYS}d, got ${text}`);
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new ConfigError('ERR_CONFIG_VALUE', `--in: expected a time such as 14d or 12h, got ${text}`);
  }
}

// A suite of the bench as a command: what it says while it runs, what its failures look like, its exit status.

import { profileLines } from '../profile.ts';
import { UsageError } from '../options.ts';

const REASON_LIMIT = 2000; // characters, from the end: of a failed peer's output
const PROFILE_LINES = 30;

/** Says something to whoever waits; results alone go to standard output. */
export const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/** The end of what an error says. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(-REASON_LIMIT);

/** Says where each process has spent its time, for those that were told to write a CPU profile. */
export function printProfiles(
  processes: readonly { readonly id: string; readonly profileFolder?: string | undefined }[],
): void {
  for (const { id, profileFolder } of processes) {
    if (profileFolder === undefined) continue;
    try {
      progress(`\n${id}\n${profileLines(profileFolder, PROFILE_LINES).join('\n')}`);
    } catch (error) {
      progress(`\n${id}: ${reasonOf(error)}`);
    }
  }
}

/** Runs `main`, whose result becomes the exit status; what it throws gives 2 for wrong usage, else 1. */
export function runSuiteCommand(main: () => Promise<number>): void {
  main().then(
    (status) => {
      process.exitCode = status;
    },
    (error: unknown) => {
      process.stderr.write(`bench: ${reasonOf(error)}\n`);
      process.exitCode = error instanceof UsageError ? 2 : 1;
    },
  );
}

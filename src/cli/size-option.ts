// A size as the argument of an option, e.g. `--bodies 1MiB`.

import { InvalidArgumentError } from 'commander';
import { parseSize } from '../config/units.ts';
import { messageOf } from '../errors.ts';

/** @returns bytes @throws {InvalidArgumentError} saying what is allowed */
export function sizeOption(text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

// Words that are safe to paste into a shell.

/** A word that a POSIX shell reads as exactly this text; quoted only if it must be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

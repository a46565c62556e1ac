// Statements on files by number: Open, Close, Print #, Write #, Put #, and Name, which renames one.

import type { Expressions } from './expressions.ts';

/** Null where the word begins something else: the caller goes back to it. */
export function fileStatement(reader: Expressions, word: string): string | null {
  if (word === 'open') {
    const path = reader.expression();
    if (!reader.accept('for')) return null;
    const mode = reader.name();
    while (reader.token.kind === 'name' && reader.token.value !== 'as') reader.next();
    reader.expect('as');
    reader.accept('#');
    return `$b.open(${path}, "${mode}", ${reader.expression()});${restOf(reader)}`;
  }
  if (word === 'name') {
    const from = reader.expression();
    return reader.accept('as') ? `$b.rename(${from}, ${reader.expression()});` : null;
  }
  if (word === 'close' && reader.token.kind === 'end') return '$b.close();';
  if (!reader.accept('#')) return null;
  const items = reader.list();
  if (word === 'close') return `$b.close(${items[0] ?? ''});`;
  return `$b.put(${items[0]!}, [${items.slice(1).join(', ')}], ${String(word === 'put')});`;
}

/** Passes over what is left of the statement. */
function restOf(reader: Expressions): string {
  while (reader.token.kind !== 'end') reader.next();
  return '';
}

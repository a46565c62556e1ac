// Declarations of variables, constants and library functions, each read from behind its first word.

import type { Expressions } from './expressions.ts';

/** Dim and what is declared by a modifier alone. */
export function dimStatement(reader: Expressions): string {
  const parts: string[] = [];
  do {
    reader.accept('withevents');
    const name = reader.name();
    reader.variables.add(name);
    let value = '';
    if (reader.accept('&') || reader.accept('#')) value = '';
    if (reader.accept('(')) value = `$b.array([${reader.bounds().join(', ')}])`;
    if (reader.accept('as')) {
      const isNew = reader.accept('new');
      const type = reader.type();
      if (isNew) value = `$b.make(${JSON.stringify(type)})`;
      else if (value === '')
        value = /^(?:string)$/.test(type)
          ? '""'
          : /^(?:integer|long|byte|double|single|longptr|currency)$/.test(type)
            ? '0'
            : '';
      if (reader.accept('*')) reader.expression();
    }
    parts.push(value === '' ? `v_${name}` : `v_${name} = ${value}`);
  } while (reader.accept(','));
  return `var ${parts.join(', ')};`;
}

/** ReDim, with and without Preserve. */
export function redimStatement(reader: Expressions): string {
  const keep = reader.accept('preserve');
  let code = '';
  do {
    const name = reader.name();
    reader.expect('(');
    code += `v_${reader.own(name)} = $b.redim(v_${reader.own(name)}, [${reader.bounds().join(', ')}], ${String(keep)});`;
    reader.mention(name);
    if (reader.accept('as')) reader.type();
  } while (reader.accept(','));
  return code.replaceAll('v_$r', '$r');
}

/** Const, after the word. */
export function constStatement(reader: Expressions): string {
  let code = '';
  do {
    const name = reader.name();
    if (reader.accept('as')) reader.type();
    reader.expect('=');
    reader.variables.add(name);
    code += `var v_${name} = ${reader.expression()}; `;
  } while (reader.accept(','));
  return code;
}

/** Declare: a function of a library of Windows. */
export function declareStatement(reader: Expressions): string {
  reader.accept('ptrsafe');
  reader.next();
  const name = reader.name();
  let real = name;
  while (reader.token.kind !== 'end' && reader.token.value !== '(') {
    if (reader.accept('alias')) real = reader.token.value;
    reader.next();
  }
  while (reader.token.kind !== 'end') reader.next();
  reader.mention(name);
  return `G.v_${name} = $b.api(${JSON.stringify(real)});`.replace('G.', 'globalThis.');
}

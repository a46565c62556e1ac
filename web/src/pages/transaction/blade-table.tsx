// What each blade of the own gateway said of a message, in the order in which they were asked, and how long it took.

import type { JSX } from 'preact';
import type { TracedService } from '../../api/types.ts';
import { duration } from '../../format.ts';
import { texts } from '../../texts/index.ts';

export function BladeTable({ blades }: { blades: NonNullable<TracedService['blades']> }): JSX.Element {
  const words = texts.transaction.blades;
  return (
    <table class="blades" aria-label={words.title}>
      <thead>
        <tr>
          {words.columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {blades.map(({ name, verdict, ms, cached }, at) => (
          <tr key={at}>
            <th scope="row">{name}</th>
            <td class="break">{verdict}</td>
            <td>{cached === true ? words.cached : verdict === 'background' ? words.later : duration(ms)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// The keyboard shortcuts, on `?`.

import type { JSX } from 'preact';
import { Modal } from '../components/modal.tsx';
import { PAGE_KEYS } from '../state/shortcuts.ts';
import { texts } from '../texts/index.ts';

export function HelpDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const keys: readonly (readonly [string, string])[] = [
    ...Object.entries(PAGE_KEYS).map(([key, page]) => [`g ${key}`, texts.pages[page]] as const),
    ...texts.shell.keys,
  ];
  return (
    <Modal title={texts.shell.shortcuts} onClose={onClose}>
      <table>
        <tbody>
          {keys.map(([key, what]) => (
            <tr key={key}>
              <th scope="row">
                {key.split(' ').map((one) => (
                  <>
                    <kbd>{one}</kbd>{' '}
                  </>
                ))}
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}

// Files that a page makes out of its own text and offers to its reader: smuggling past whoever looks at downloads.

import type { BehaviourNode, Recorder } from '../report.ts';

/** What a walk found out about a file as a whole. */
export interface Findings {
  worst: number;
  program: boolean;
  archive: boolean;
  image: boolean;
  encrypted: boolean;
}

/** @param automatic  without anybody having clicked */
export function judgeOffer(
  recorder: Recorder,
  node: BehaviourNode,
  name: string,
  findings: Findings,
  automatic: boolean,
): void {
  if (findings.image)
    recorder.score(node, 'smuggles-image', 70, `makes a disk image out of the page's text: ${name}`);
  else if (findings.archive && findings.program)
    recorder.score(
      node,
      'smuggles-archive',
      70,
      `makes an archive with a program out of the page's text: ${name}`,
    );
  else if (findings.program)
    recorder.score(
      node,
      'smuggles-program',
      automatic ? 80 : 70,
      `makes a program out of the page's text: ${name}`,
    );
  else if (findings.archive && findings.encrypted)
    recorder.score(
      node,
      'smuggles-archive',
      automatic ? 70 : 60,
      `makes a locked archive out of the page's text: ${name}`,
    );
}

// The scenarios, in the order in which they are played.

import type { Scenario } from '../scenario.ts';
import { backgroundAndHold } from './background-and-hold.ts';
import { cleanPageScenario } from './clean-page.ts';
import { forbiddenUpload } from './forbidden-upload.ts';
import { maliciousScript } from './malicious-script.ts';
import { malwareDownload } from './malware-download.ts';
import { requestSatisfaction } from './request-satisfaction.ts';
import { splicedHost } from './spliced-host.ts';
import { webSocket } from './web-socket.ts';

export const SCENARIOS: readonly Scenario[] = [
  cleanPageScenario,
  malwareDownload,
  maliciousScript,
  forbiddenUpload,
  webSocket,
  splicedHost,
  requestSatisfaction,
  backgroundAndHold,
];

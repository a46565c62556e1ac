// Plugins, scanning, unpacking, and what bodies are kept in.
// src/errors.ts joins the groups into one table; docs/errors.md lists the codes.

import type { ErrorSpec } from './spec.ts';
import { spec } from './spec.ts';

export const PLUGIN_ERRORS = {
  // Plugins, scanning, unpacking.
  ERR_PLUGIN_LOAD: spec(500, 500, false, 'Check the path or package name and its default export.'),
  ERR_PLUGIN_OPTIONS: spec(500, 500, false, "Check the plugin's options."),
  ERR_PLUGIN_FAILED: spec(500, 502, true, "See the plugin's log."),
  ERR_PLUGIN_HOOK: spec(500, 502, true, "See the plugin's log, or take it out of `plugins`."),
  ERR_SCAN_TIMEOUT: spec(500, 504, true, 'Raise the time limit of the profile.'),
  ERR_SCAN_SIZE: spec(
    500,
    502,
    true,
    'Raise maxSize of the profile, or let it allow what is larger (onError).',
  ),
  ERR_SCAN_UNAVAILABLE: spec(500, 502, true, 'Check that the scanner runs and is reachable.'),
  ERR_UNPACK_BUDGET: spec(500, 502, true, 'Raise the unpacking limits if the content is legitimate.'),
  ERR_UNPACK_MALFORMED: spec(500, 502, true, 'The archive or coding is damaged.'),
  ERR_QUARANTINE: spec(500, 404, true, 'See `weir quarantine list` for what is there.'),
  ERR_SPOOL: spec(
    500,
    500,
    true,
    'Check free space and permissions of the temporary folder, and adaptation.spool.total.',
  ),
  ERR_ABORTED: spec(500, 500, false, 'The other side gave up; nothing to do.'),
} satisfies Record<string, ErrorSpec>;

// What may fail around the traffic: configuration, start, status, traces, recordings, workers, embedding.
// src/errors.ts joins the groups into one table; docs/errors.md lists the codes.

import type { ErrorSpec } from './spec.ts';
import { spec } from './spec.ts';

export const OPERATION_ERRORS = {
  // Configuration and start (exit code 2).
  ERR_CONFIG_UNREADABLE: spec(500, 500, false, 'Check the path and its permissions.'),
  ERR_CONFIG_SYNTAX: spec(500, 500, false, 'Mend the YAML.'),
  ERR_CONFIG_UNKNOWN_KEY: spec(500, 500, false, 'Use a known key.'),
  ERR_CONFIG_VALUE: spec(500, 500, false, 'Use an allowed value.'),
  ERR_CONFIG_UNSUPPORTED: spec(500, 500, false, 'Remove the key until this version supports it.'),
  ERR_LISTEN: spec(500, 500, false, 'Choose another address, or stop the program that uses it.'),

  // Status of what runs (src/dashboard, `weir icap status`).
  ERR_STATUS_CONNECT: spec(500, 502, false, 'Start Weir, or name its dashboard.listen with --url.'),
  ERR_STATUS_TOKEN: spec(
    500,
    401,
    true,
    'Give the token with --token: it was printed at the start and is in certs/dashboard.token.',
  ),

  // Traces of transactions (src/trace, `weir why`).
  ERR_TRACE_STORE: spec(500, 500, true, 'Check free space and permissions of trace.folder.'),

  // The lab (src/demo, `weir demo`).
  ERR_DEMO_CLIENT: spec(
    500,
    502,
    true,
    'Run `weir demo --keep` and look up the transaction with `weir why`.',
  ),

  // Copies of transactions (src/capture, `weir record`, `weir replay`).
  ERR_RECORDING: spec(500, 500, true, 'Name a file that `weir record` has made, or one that can be made.'),
  ERR_RECORDING_EXISTS: spec(500, 500, true, 'Name another file, or add --force to overwrite it.'),

  // Worker processes of the gateway (src/gateway/workers).
  ERR_GATEWAY_WORKER: spec(
    500,
    500,
    false,
    'Read what the worker logged before it ended; plugins run in it, and so may be to blame.',
  ),

  // Weir inside another program (src/embed).
  ERR_EMBED_INPUT: spec(500, 500, true, 'Give text, a Buffer, a stream or an iterable of these.'),
  ERR_EMBED_BODY_READ: spec(
    500,
    500,
    true,
    'Put icapMiddleware before everything that reads the request body, such as body parsers.',
  ),
} satisfies Record<string, ErrorSpec>;

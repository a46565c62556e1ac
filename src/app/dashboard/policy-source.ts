// The configuration file as the dashboard reads, checks and writes it. It is replaced whole or not at all, only
// by a text that has been checked and only where nobody else has changed it meanwhile; what cannot be put in
// force is taken back.

import { createHash, randomBytes } from 'node:crypto';
import { chown, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseConfigText } from '../../config/document.ts';
import { checkConfigText, ConfigProblemsError } from '../../config/load.ts';
import type { ConfigProblem } from '../../config/load.ts';
import type { PolicySource, PolicyWritten } from '../../dashboard/api/sources.ts';
import type { PolicyCheckReply, PolicyProblem, PolicyReply } from '../../dashboard/api/types.ts';
import { isWeirError, messageOf } from '../../errors.ts';
import type { ReloadResult } from '../reload.ts';
import type { Running } from '../running.ts';
import { withChange } from './policy-draft.ts';
import { testPolicy } from './policy-test.ts';
import { viewsOf } from './policy-views.ts';

/** The file that a running Weir goes by, and how it takes it over. */
export interface PolicyFile {
  /** Absolute. Null: the defaults are in force. */
  readonly file: string | null;
  /** As SIGHUP does. @throws what refuses it; nothing has changed then */
  reload(): Promise<ReloadResult>;
}

/** @param place  as of now; null: nobody has said where the configuration comes from */
export function policySource(running: Running, place: () => PolicyFile | null): PolicySource {
  let writing: Promise<unknown> = Promise.resolve();
  const inTurn = (write: () => Promise<PolicyWritten>): Promise<PolicyWritten> => {
    const turn = writing.then(write);
    writing = turn.catch(() => {});
    return turn;
  };
  const write = (yaml: string, digest: string): Promise<PolicyWritten> =>
    inTurn(async () => {
      const { file = null, reload } = place() ?? {};
      if (file === null || reload === undefined) return { kind: 'no-file' };
      const before = await readFile(file, 'utf8');
      if (digestOf(before) !== digest) return { kind: 'changed', digest: digestOf(before) };
      return putInForce(file, before, yaml, reload);
    });
  return {
    read: () => replyOf(running, place()?.file ?? null),
    draft: (yaml, change) => {
      const file = place()?.file ?? path.resolve('weir.yaml');
      const changed = withChange(yaml, change, presetOf(yaml, file));
      if ('refusal' in changed) return changed;
      return { ...changed, ...checked(changed.yaml, file) };
    },
    check: (yaml) => checked(yaml, place()?.file ?? null),
    test: (request) => (running.proxy === null ? null : testPolicy(running.config, running.proxy, request)),
    write,
  };
}

async function replyOf({ config, proxy }: Running, file: string | null): Promise<PolicyReply> {
  const yaml = file === null ? '' : await readFile(file, 'utf8');
  const views = viewsOf(config, file === null ? null : rawOf(yaml, file), proxy?.parts.tls.rules ?? []);
  return { file, writable: file !== null, yaml, digest: digestOf(yaml), ...views };
}

/** Rules that hold where the text says nothing of them; none for a text that is not right as it is. */
function presetOf(yaml: string, file: string): { tls: object[]; adaptation: object[] } {
  let adaptationRules: PolicyReply['adaptationRules'] = [];
  try {
    ({ adaptationRules } = viewsOf(checkConfigText(yaml, file).config, null, []));
  } catch (error) {
    if (!(error instanceof ConfigProblemsError)) throw error;
  }
  const adaptation = adaptationRules.map(({ point, use, when }) => ({
    ...{ point, use },
    ...(Object.keys(when).length > 0 ? { when } : {}),
  }));
  return { tls: [], adaptation };
}

/** What the file says; null where it is not even YAML. */
function rawOf(yaml: string, file: string): unknown {
  try {
    return parseConfigText(yaml, file).value;
  } catch {
    return null;
  }
}

function checked(yaml: string, file: string | null): PolicyCheckReply {
  try {
    const { warnings } = checkConfigText(yaml, file ?? path.resolve('weir.yaml'));
    return { ok: true, problems: [], warnings: warnings.map(problemOf) };
  } catch (error) {
    if (!(error instanceof ConfigProblemsError)) throw error;
    return { ok: false, problems: error.problems.map(problemOf), warnings: [] };
  }
}

async function putInForce(
  file: string,
  before: string,
  yaml: string,
  reload: () => Promise<ReloadResult>,
): Promise<PolicyWritten> {
  try {
    checkConfigText(yaml, file);
  } catch (error) {
    if (error instanceof ConfigProblemsError)
      return { kind: 'invalid', problems: error.problems.map(problemOf) };
    throw error;
  }
  await replaceFile(file, yaml);
  try {
    const { applied, needsRestart, warnings } = await reload();
    return { kind: 'done', reply: { digest: digestOf(yaml), applied, needsRestart, warnings } };
  } catch (error) {
    await replaceFile(file, before);
    if (error instanceof ConfigProblemsError)
      return { kind: 'invalid', problems: error.problems.map(problemOf) };
    return { kind: 'refused', code: isWeirError(error) ? error.code : null, error: messageOf(error) };
  }
}

/** Whole or not at all; mode and owner stay, and a link goes on leading to it. */
async function replaceFile(file: string, text: string): Promise<void> {
  const real = await realpath(file);
  const { mode, uid, gid } = await stat(real);
  const temporary = `${real}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await using handle = await open(temporary, 'wx', mode & 0o777);
    await handle.chmod(mode & 0o777); // whatever the umask is
    await handle.writeFile(text);
    await handle.sync();
    if (process.getuid?.() === 0) await chown(temporary, uid, gid);
    await rename(temporary, real);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function problemOf(problem: ConfigProblem): PolicyProblem {
  const { path: where, line, column, found, allowed, message, suggestion, code } = problem;
  return { path: where, line, column, found, allowed, message, suggestion, code };
}

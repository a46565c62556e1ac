// Has the doctor examine a service, and shows what it finds while it does.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiProblem, getJson, send } from '../../api/client.ts';
import type { DoctorStarted, JobCheck, JobReply, ServiceDetail } from '../../api/types.ts';
import { Notice } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { VerdictShape } from '../../components/verdict.tsx';
import { dateTime, duration } from '../../format.ts';
import { useLiveMessages } from '../../state/live-feed.ts';
import { texts } from '../../texts/index.ts';

const LOOK_EVERY_MS = 2000; // beside the live messages, which may be lost

const FIRST: readonly JobCheck['status'][] = ['fail', 'warn', 'pass', 'skip']; // once it is over
const SHAPES = { pass: 'allowed', fail: 'blocked', warn: 'error', skip: 'bypassed' } as const;

export function Doctor({ service }: { service: ServiceDetail }): JSX.Element {
  const words = texts.services.doctor;
  const [id, setId] = useState(service.doctor);
  const [job, setJob] = useState<JobReply | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [starting, setStarting] = useState(false);
  const unknown = id !== null && job === null;
  const running = starting || job?.state === 'running';
  useLiveMessages((message) => {
    if (message.type === 'job' && message.job.id === id) setJob(message.job);
  });
  useEffect(() => {
    if (id === null || (!unknown && !running)) return undefined;
    const look = (): void => {
      getJson<JobReply>(`/api/jobs/${encodeURIComponent(id)}`).then(setJob, (error: unknown) => {
        if (error instanceof ApiProblem && error.status === 404) setId(null); // others have pushed it out
      });
    };
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [id, unknown, running]);
  const start = async (): Promise<void> => {
    setProblem(null);
    setStarting(true);
    try {
      const path = `/api/services/${encodeURIComponent(service.name)}/doctor`;
      const { job: started } = await send<DoctorStarted>('POST', path);
      setJob(null);
      setId(started);
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
    }
    setStarting(false);
  };
  return (
    <div class="stack">
      <div class="row">
        <button type="button" disabled={running || unknown} onClick={() => void start()}>
          {running ? words.running : words.run}
        </button>
        <span class="muted small">{words.what}</span>
      </div>
      {problem !== null && <Problem problem={problem} />}
      {job !== null && <Examination job={job} />}
    </div>
  );
}

function Examination({ job }: { job: JobReply }): JSX.Element {
  const words = texts.services.doctor;
  const { progress, checks, advice, error, state } = job;
  const shown =
    state === 'running'
      ? checks
      : checks.toSorted((one, other) => FIRST.indexOf(one.status) - FIRST.indexOf(other.status));
  const count = (status: JobCheck['status']): number =>
    checks.filter((check) => check.status === status).length;
  return (
    <div class="stack">
      <div class="row">
        <progress value={progress.done} max={Math.max(1, progress.total)} aria-label={words.progress} />
        <span role="status">
          {state === 'running'
            ? words.now(progress.done, progress.total, progress.now ?? '')
            : `${dateTime(job.startedAt)}: ${words.result(count('pass'), count('fail'), count('warn'), count('skip'))}`}
        </span>
      </div>
      {error !== null && <Notice tone="bad" title={error} />}
      {advice.length > 0 && (
        <Notice tone="warn" title={words.advice}>
          <ul class="plain">
            {advice.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </Notice>
      )}
      <div class="scroll tall" tabIndex={0} role="region" aria-label={words.checks}>
        <table>
          <thead>
            <tr>
              <th>{words.check}</th>
              <th>{words.saw}</th>
              <th>{words.time}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ id, title, clause, status, saw, means, ms }) => (
              <tr key={id}>
                <td>
                  <span class="verdict">
                    <VerdictShape verdict={SHAPES[status]} />
                    {words.statuses[status]}
                  </span>
                  <div>{title}</div>
                  <div class="muted small">{`${id} · ${clause}`}</div>
                </td>
                <td class="break">
                  {saw}
                  {means !== null && <div class="muted">{means}</div>}
                </td>
                <td class="nowrap muted">{duration(ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

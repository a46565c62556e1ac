// What a page shows of the server: loading, there, or failed with the reason; loaded again on demand or every
// so often while the page is in view. The old data stays until the new is there.

import { useCallback, useEffect, useState } from 'preact/hooks';
import { ApiProblem, getJson } from './client.ts';

export interface Resource<Body> {
  readonly data: Body | null;
  readonly problem: ApiProblem | null;
  readonly loading: boolean;
  readonly reload: () => void;
}

/**
 * @param path null: nothing is fetched
 * @param everyMs fetches again that long after an answer; 0: only on demand
 */
export function useResource<Body>(path: string | null, everyMs = 0): Resource<Body> {
  const [state, setState] = useState<{ path: string | null; data: Body | null; problem: ApiProblem | null }>({
    path: null,
    data: null,
    problem: null,
  });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((number) => number + 1), []);
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    let timer = 0;
    const load = async (): Promise<void> => {
      try {
        const data = await getJson<Body>(path, abort.signal);
        setState({ path, data, problem: null });
      } catch (error) {
        if (abort.signal.aborted) return;
        const problem =
          error instanceof ApiProblem ? error : new ApiProblem(0, String(error), 'Reload the page.');
        setState((old) => ({ path, data: old.path === path ? old.data : null, problem }));
      }
      if (everyMs > 0 && !abort.signal.aborted) timer = window.setTimeout(whenInView, everyMs);
    };
    const whenInView = (): void => {
      if (document.visibilityState === 'visible') void load();
      else timer = window.setTimeout(whenInView, everyMs);
    };
    void load();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, turn]);
  const current = state.path === path;
  return {
    data: current ? state.data : null,
    problem: current ? state.problem : null,
    loading: path !== null && !current,
    reload,
  };
}

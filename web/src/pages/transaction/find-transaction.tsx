// Finds a transaction by the id that a user reads from a block page, or among the latest ones that did not
// simply pass.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { TransactionsReply, TransactionSummary } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Empty, Panel } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { TransactionTable } from '../../components/transaction-table.tsx';
import { goTo, hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';

const LATEST = '/api/transactions?limit=30&verdict=blocked,error,bypassed,modified';

/** @param bare without the heading, where a page has one */
export function FindTransaction({ bare = false }: { bare?: boolean }): JSX.Element {
  const [id, setId] = useState('');
  const { data, problem, reload } = useResource<TransactionsReply>(LATEST);
  const words = texts.transaction.find;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (id.trim() !== '') goTo(hrefOf('transaction', id.trim()));
  };
  return (
    <div class="page">
      {!bare && <h1>{texts.pages.transaction}</h1>}
      <form class="row" onSubmit={submit}>
        <label for="transaction-id">{words.label}</label>
        <input
          id="transaction-id"
          class="mono"
          value={id}
          placeholder="W-…"
          onInput={(event) => setId(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          {words.show}
        </button>
      </form>
      {problem !== null && <Problem problem={problem} onRetry={reload} />}
      {data !== null && (
        <Panel title={words.latest} flush>
          {data.items.length === 0 ? (
            <Empty title={words.none}>
              <a href={hrefOf('live')}>{words.live}</a>
            </Empty>
          ) : (
            <TransactionTable rows={ofProxy(data.items)} />
          )}
        </Panel>
      )}
    </div>
  );
}

/** Those of the proxy; a gateway alone has none, and shows its own. */
function ofProxy(items: readonly TransactionSummary[]): readonly TransactionSummary[] {
  const own = items.filter(({ kind }) => kind === 'proxy');
  return own.length === 0 ? items : own;
}

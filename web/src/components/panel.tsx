// A titled box, a notice, what is shown where there is nothing, and pairs of name and value.

import type { ComponentChildren, JSX } from 'preact';

export function Panel({
  title,
  actions,
  children,
  flush = false,
}: {
  title: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
  /** Without space around, for tables. */
  flush?: boolean;
}): JSX.Element {
  return (
    <section class="panel">
      <div class="panel-head">
        <h2 class="grow">{title}</h2>
        {actions}
      </div>
      <div class={flush ? '' : 'panel-body stack'}>{children}</div>
    </section>
  );
}

export function Notice({
  tone = '',
  title,
  children,
}: {
  tone?: '' | 'good' | 'warn' | 'bad';
  title: string;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class={`notice ${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export type Fact = readonly [name: string, value: ComponentChildren];

/** Facts without a value are left out. */
export function Facts({ facts }: { facts: readonly Fact[] }): JSX.Element {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return (
    <dl class="facts">
      {known.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  );
}

/** A box that scrolls by itself, reachable with the keyboard. */
export function ScrollBox({
  label,
  tall = false,
  children,
}: {
  label: string;
  tall?: boolean;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class={tall ? 'scroll tall' : 'scroll'} role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

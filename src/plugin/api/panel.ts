// Panels: what a plugin shows on the dashboard. Plain data in a small vocabulary that the dashboard draws by
// itself; a plugin brings neither HTML nor scripts. Bounds and checks are panel-view.ts.

/** A value in a table or beside a key. */
export type PanelValue = string | number | boolean | null;

export interface TextPart {
  readonly kind: 'text';
  readonly title?: string;
  readonly text: string;
}

export interface KeyValuesPart {
  readonly kind: 'key-values';
  readonly title?: string;
  readonly entries: readonly { readonly key: string; readonly value: PanelValue }[];
}

export interface TablePart {
  readonly kind: 'table';
  readonly title?: string;
  readonly columns: readonly string[];
  /** As many values in each as there are columns. */
  readonly rows: readonly (readonly PanelValue[])[];
}

export interface ChartPart {
  readonly kind: 'chart';
  readonly title?: string;
  /** Unit of the values, e.g. `messages`. */
  readonly unit?: string;
  readonly series: readonly {
    readonly name: string;
    /** Pairs of x and y; x rises: milliseconds since the epoch where it is a time. */
    readonly points: readonly (readonly [number, number])[];
  }[];
}

export type PanelPart = TextPart | KeyValuesPart | TablePart | ChartPart;

/** What a panel shows now, from top to bottom. */
export interface PanelView {
  readonly parts: readonly PanelPart[];
}

/** One panel of the dashboard. */
export interface PanelDefinition {
  /** Lower-case letters, digits and dashes; once a plugin. */
  readonly id: string;
  readonly title: string;
  /** Asked whenever somebody looks; two seconds are waited for it. */
  data(): PanelView | Promise<PanelView>;
}

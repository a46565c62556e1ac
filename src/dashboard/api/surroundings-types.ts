// What the API tells of incidents, the quarantine, the CA, learned hosts and plugins, as JSON; types.ts has the
// rest.

import type { PanelView } from '../../plugin/api/panel.ts';
import type { Incident } from '../../telemetry/incidents.ts';

/** GET /api/incidents?limit= ; newest first. */
export interface IncidentsReply {
  readonly items: readonly Incident[];
}

/** What the quarantine holds of one object. */
export interface QuarantineItem {
  /** Id of the incident. */
  readonly id: string;
  readonly time: string;
  readonly url: string;
  readonly bytes: number;
  readonly sha256: string | null;
  readonly threat: string;
  readonly severity: string | null;
  readonly client: string | null;
  readonly user: string | null;
  readonly profile: string | null;
  readonly service: string | null;
  readonly fileName: string | null;
  readonly released: boolean;
}

/** GET /api/quarantine; newest first. */
export interface QuarantineReply {
  readonly items: readonly QuarantineItem[];
  readonly bytes: number;
  readonly maxBytes: number | null;
}

/** POST /api/quarantine/:id/release and /api/incidents/:id/allow-once */
export interface ReleaseRequest {
  /** Why; goes into the log. */
  readonly reason?: string;
}

export interface ReleaseReply {
  readonly released: true;
  readonly sha256: string | null;
}

export interface TrustStep {
  readonly text: string;
  /** To be copied. */
  readonly command?: string;
  /** File of this server to take: `/ca.pem` for `ca.pem`. */
  readonly download?: string;
}

/** GET /api/trust */
export interface TrustReply {
  readonly subject: string;
  readonly fingerprint256: string;
  readonly fingerprint1: string;
  readonly validFrom: string;
  readonly validTo: string;
  readonly certificateFile: string | null;
  readonly downloads: readonly { readonly label: string; readonly path: string }[];
  /** Address that a client enters; `host:port`. */
  readonly proxy: string | null;
  /** In the order in which they are shown. */
  readonly platforms: readonly {
    readonly platform: string;
    readonly name: string;
    readonly steps: readonly TrustStep[];
  }[];
}

/** DELETE /api/learned, /api/quarantine/:id */
export interface RemovedReply {
  readonly removed: number | boolean;
}

/** GET /api/learned; DELETE /api/learned?host=…&client=… */
export interface LearnedReply {
  readonly items: readonly LearnedItem[];
}

export interface LearnedItem {
  readonly host: string;
  readonly client: string;
  readonly since: string;
  readonly reason: string;
  /** Null: it is only counted and not spliced yet. */
  readonly until: string | null;
}

export interface PluginView {
  readonly name: string;
  readonly version: string | null;
  /** Package or folder, as the configuration names it. */
  readonly path: string;
  readonly blades: readonly string[];
  readonly services: readonly string[];
  readonly hooks: readonly string[];
  readonly panels: readonly { readonly id: string; readonly title: string }[];
}

/** GET /api/plugins */
export interface PluginsReply {
  readonly items: readonly PluginView[];
}

/** POST /api/plugins/:plugin/reload */
export interface PluginReloadReply {
  /** What is in force now. */
  readonly applied: readonly string[];
  /** What is allowed but probably not meant; a sentence each. */
  readonly warnings: readonly string[];
}

/** GET /api/panels/:plugin/:id; plain data that pages show as text, never as markup. */
export interface PanelReply {
  readonly plugin: string;
  readonly id: string;
  readonly title: string;
  readonly data: PanelView;
}

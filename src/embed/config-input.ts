// The configuration as a program writes it: the keys and values of weir.yaml. Typed for whoever writes one;
// what is allowed, src/config checks, which knows every key.

/** A size such as `64KiB`, or bytes. */
type Size = string | number;
/** A duration such as `30s`. */
type Duration = string;
type OneOrMore<T> = T | readonly T[];
/** Keys that are not spelt out here: docs/configuration.md has them all. */
interface Section {
  readonly [key: string]: unknown;
}

export interface WeirConfig {
  readonly proxy?: ProxySection;
  readonly adaptation?: AdaptationSection;
  readonly gateway?: GatewaySection;
  readonly profiles?: Readonly<Record<string, ProfileSection>>;
  /** Paths or package names, with options. Default: the anti-virus plugin of the package. */
  readonly plugins?: readonly (string | { readonly use: string; readonly with?: unknown })[];
  readonly log?: { readonly level?: string; readonly file?: string | null };
  readonly [section: string]: unknown;
}

interface TlsFiles extends Section {
  readonly cert: string;
  readonly key: string;
}

interface ListenSection extends Section {
  readonly listen: string;
  readonly tls?: TlsFiles | null;
}

interface ProxySection extends Section {
  /** `host:port`; port 0 takes a free one. Default 127.0.0.1:8080. */
  readonly listen?: OneOrMore<string | ListenSection>;
  /** Folder of the CA. */
  readonly certs?: string | null;
  readonly tls?: {
    readonly rules?: readonly {
      readonly hosts: readonly string[];
      readonly action: 'bump' | 'splice' | 'terminate';
    }[];
  };
  readonly upstream?: Section & {
    readonly trust?: readonly string[];
    readonly verify?: boolean;
    readonly hosts?: Readonly<Record<string, string>>;
    readonly connectTimeout?: Duration;
    readonly responseTimeout?: Duration;
  };
  readonly targets?: Section & { readonly deny?: readonly string[] };
  /** Applications that Weir stands in front of. */
  readonly reverse?: readonly (ListenSection & { readonly target: string })[];
}

interface AdaptationSection extends Section {
  readonly services?: Readonly<
    Record<
      string,
      Section & {
        readonly url: string;
        readonly onError?: 'block' | 'bypass';
        readonly timeout?: Duration;
        readonly preview?: Size | null;
      }
    >
  >;
  readonly groups?: Readonly<Record<string, Section & { readonly services: readonly string[] }>>;
  readonly rules?: readonly (Section & {
    readonly point: 'reqmod' | 'respmod';
    readonly use: readonly string[];
  })[];
}

interface GatewaySection extends Section {
  /** `host:port`; port 0 takes a free one. Default 127.0.0.1:1344. */
  readonly listen?: OneOrMore<string | ListenSection>;
  /** Networks of the ICAP clients that are served. */
  readonly allow?: readonly string[];
  readonly services?: Readonly<Record<string, Section>>;
}

interface ProfileSection extends Section {
  readonly base?: string;
  readonly onError?: 'block' | 'allow';
}

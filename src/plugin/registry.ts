// What one plugin registers in its setup, checked as it comes: names and paths that are free, functions where
// functions must be. The loader decides what becomes of it.

import { createHash } from 'node:crypto';
import { type PluginError } from '../errors.ts';
import type { ModMethod } from '../icap/service.ts';
import type { PluginAuthenticator, RegisteredAuthenticator } from './api/authenticator.ts';
import type { Blade } from './api/blade.ts';
import { HOOK_POINTS, type ProxyHook, type RegisteredHook } from './api/hooks.ts';
import type { PanelDefinition } from './api/panel.ts';
import type { ReportSource } from './api/report.ts';
import type { RegisteredService, ServiceDefinition } from './api/service.ts';

/** Whatever a plugin brings. */
export interface Registered {
  readonly name: string;
  readonly blades: readonly Blade[];
  readonly services: readonly RegisteredService[];
  readonly hooks: readonly RegisteredHook[];
  readonly panels: readonly PanelDefinition[];
  readonly authenticators: readonly RegisteredAuthenticator[];
  /** Where it keeps reports; none or one. */
  readonly reports: readonly ReportSource[];
}

const NAME = /^[a-z0-9][a-z0-9-]*$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9-]{0,31}$/;
const SERVICE_PATH = /^\/[A-Za-z0-9._-]{1,64}$/;

export class Registry implements Registered {
  readonly name: string;
  readonly blades: Blade[] = [];
  readonly services: RegisteredService[] = [];
  readonly hooks: RegisteredHook[] = [];
  readonly panels: PanelDefinition[] = [];
  readonly authenticators: RegisteredAuthenticator[] = [];
  readonly reports: ReportSource[] = [];
  readonly #before: readonly Registered[];
  readonly #version: string;
  readonly #digest: string;
  readonly #fail: (reason: string) => PluginError;
  #open = true;
  /** Thrown again after setup, which may have swallowed it. */
  #refusal: PluginError | null = null;

  /** @param digest  of all that verdicts can depend on: version, options, code */
  constructor(
    plugin: { readonly name: string; readonly version: string; readonly digest: string },
    before: readonly Registered[],
    fail: (reason: string) => PluginError,
  ) {
    this.name = plugin.name;
    this.#version = plugin.version;
    this.#digest = createHash('sha256').update(plugin.digest).digest('hex');
    this.#before = before;
    this.#fail = fail;
  }

  readonly blade = (blade: Blade): void => {
    this.#check('blades', whyNotBlade(blade) ?? this.#bladeClash(blade.name));
    this.blades.push(blade.fingerprint === undefined ? withFingerprint(blade, this.#digest) : blade);
  };

  readonly service = (service: ServiceDefinition): void => {
    this.#check('services', whyNotService(service) ?? this.#serviceClash(service.path));
    const methods: ModMethod[] = [];
    if (service.reqmod !== undefined) methods.push('REQMOD');
    if (service.respmod !== undefined) methods.push('RESPMOD');
    const fallback = () => this.#digest;
    this.services.push({
      description: `${this.name} ${this.#version}`,
      ...service,
      ...(service.reqmod === undefined ? {} : { reqmod: service.reqmod.bind(service) }),
      ...(service.respmod === undefined ? {} : { respmod: service.respmod.bind(service) }),
      fingerprint: service.fingerprint?.bind(service) ?? fallback,
      plugin: this.name,
      methods,
    });
  };

  readonly proxyHook = (hook: ProxyHook): void => {
    this.#check('hooks', whyNotHook(hook));
    this.hooks.push({ plugin: this.name, hook });
  };

  readonly panel = (panel: PanelDefinition): void => {
    this.#check('panels', whyNotPanel(panel) ?? this.#panelClash(panel.id));
    this.panels.push(panel);
  };

  readonly authenticator = (authenticator: PluginAuthenticator): void => {
    this.#check(
      'authenticators',
      whyNotAuthenticator(authenticator) ?? this.#schemeClash(authenticator.scheme),
    );
    this.authenticators.push({ plugin: this.name, scheme: authenticator.scheme, authenticator });
  };

  readonly keepsReports = (source: ReportSource): void => {
    const isWhole = typeof source?.find === 'function' && typeof source.latest === 'function';
    const reason = isWhole ? null : 'where its reports are kept needs the functions find and latest';
    this.#check('reports', this.reports.length > 0 ? 'it keeps its reports in one place already' : reason);
    this.reports.push(source);
  };

  /** Nothing is taken any more. @throws {PluginError} what was refused meanwhile */
  close(): void {
    this.#open = false;
    if (this.#refusal !== null) throw this.#refusal;
  }

  #check(what: string, reason: string | null): void {
    const refused = this.#open ? reason : `${what} are registered in setup`;
    if (refused !== null) throw (this.#refusal ??= this.#fail(refused));
  }

  #bladeClash(name: string): string | null {
    const owner = this.#owner((plugin) => plugin.blades.some((other) => other.name === name));
    return owner === null ? null : `a blade named ${name} is registered already, by ${owner}`;
  }

  #serviceClash(path: string): string | null {
    const owner = this.#owner((plugin) => plugin.services.some((other) => other.path === path));
    return owner === null ? null : `a service ${path} is registered already, by ${owner}`;
  }

  #panelClash(id: string): string | null {
    return this.panels.some((other) => other.id === id) ? `it has a panel ${id} already` : null;
  }

  #schemeClash(scheme: string): string | null {
    const isSame = (other: RegisteredAuthenticator) => other.scheme.toLowerCase() === scheme.toLowerCase();
    const owner = this.#owner((plugin) => plugin.authenticators.some(isSame));
    return owner === null ? null : `an authenticator of scheme ${scheme} is registered already, by ${owner}`;
  }

  #owner(has: (plugin: Registered) => boolean): string | null {
    return [this, ...this.#before].find(has)?.name ?? null;
  }
}

function withFingerprint(blade: Blade, digest: string): Blade {
  return {
    name: blade.name,
    ...(blade.judges === undefined ? {} : { judges: blade.judges }),
    fingerprint: () => digest,
    inspect: (message, signal) => blade.inspect(message, signal),
    close: () => blade.close?.(),
  };
}

function whyNotBlade(blade: Blade): string | null {
  if (typeof blade?.name !== 'string' || !NAME.test(blade.name)) {
    return 'a blade needs a name of lower-case letters, digits and dashes';
  }
  return typeof blade.inspect === 'function' ? null : `its blade ${blade.name} has no inspect function`;
}

function whyNotService(service: ServiceDefinition): string | null {
  if (typeof service?.path !== 'string' || !SERVICE_PATH.test(service.path)) {
    return 'a service needs a path: / and up to 64 letters, digits, dots, dashes and underscores';
  }
  const handlers = [service.reqmod, service.respmod].filter((handler) => handler !== undefined);
  if (handlers.length === 0 || handlers.some((handler) => typeof handler !== 'function')) {
    return `its service ${service.path} needs a function reqmod or respmod, or both`;
  }
  const { timeoutMs = 1, previewBytes = 0 } = service;
  if (!(timeoutMs > 0)) return `timeoutMs of its service ${service.path} must be above 0`;
  return Number.isSafeInteger(previewBytes) && previewBytes >= 0 && previewBytes <= 65_536
    ? null
    : `previewBytes of its service ${service.path} must be 0 to 65536`;
}

function whyNotHook(hook: ProxyHook): string | null {
  const given = HOOK_POINTS.filter((point) => hook?.[point] !== undefined);
  if (given.length === 0 || given.some((point) => typeof hook[point] !== 'function')) {
    return `a proxy hook needs at least one function of ${HOOK_POINTS.join(', ')}`;
  }
  return (hook.timeoutMs ?? 1) > 0 ? null : 'timeoutMs of its proxy hook must be above 0';
}

function whyNotAuthenticator(given: PluginAuthenticator): string | null {
  if (typeof given?.scheme !== 'string' || !SCHEME.test(given.scheme)) {
    return 'an authenticator needs a scheme such as Negotiate: a letter, and up to 31 letters, digits and dashes';
  }
  if (typeof given.begin !== 'function') return `its authenticator ${given.scheme} has no begin function`;
  return (given.timeoutMs ?? 1) > 0 ? null : `timeoutMs of its authenticator ${given.scheme} must be above 0`;
}

function whyNotPanel(panel: PanelDefinition): string | null {
  if (typeof panel?.id !== 'string' || !NAME.test(panel.id)) {
    return 'a panel needs an id of lower-case letters, digits and dashes';
  }
  if (typeof panel.title !== 'string' || panel.title === '') return `its panel ${panel.id} has no title`;
  return typeof panel.data === 'function' ? null : `its panel ${panel.id} has no data function`;
}

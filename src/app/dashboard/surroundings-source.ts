// What the dashboard tells of the CA, of hosts that pass because a client rejected our certificates, and of
// plugins.

import type { LearnedSource, PluginSource } from '../../dashboard/api/sources.ts';
import type { LearnedItem, PluginView, TrustReply } from '../../dashboard/api/types.ts';
import { subjectOf } from '../../ca/authority.ts';
import { DOWNLOADS } from '../../pages/setup-page.ts';
import { setupGuides } from '../../pages/setup-steps.ts';
import { HOOK_POINTS } from '../../plugin/api.ts';
import { panelView } from '../../plugin/panel-view.ts';
import { nameOf, reasonFor } from '../../proxy/tls-policy/self-healing.ts';
import type { LearnedSplice } from '../../proxy/tls-policy/splice-file.ts';
import { readSplices, writeSplices } from '../../proxy/tls-policy/splice-file.ts';
import { formatAuthority } from '../../util/authority.ts';
import type { Running } from '../running.ts';
import { pacProxies } from '../setup-part.ts';

/** @param seenAs  host by which the visitor came; null: not known */
export function trustReply({ proxy }: Running, seenAs: string | null): TrustReply | null {
  if (proxy === null) return null;
  const { authority } = proxy.ca;
  const { x509 } = authority;
  const [way] = pacProxies(proxy.listeners.opened, seenAs);
  const address = way === undefined ? null : formatAuthority(way.host, way.port);
  const place =
    way === undefined
      ? null
      : { proxyUrl: `${way.scheme}://${address}`, proxyHost: way.host, proxyPort: way.port };
  return {
    subject: subjectOf(x509),
    fingerprint256: authority.fingerprint256,
    fingerprint1: x509.fingerprint,
    validFrom: authority.notBefore.toISOString(),
    validTo: authority.notAfter.toISOString(),
    certificateFile: authority.certificatePath,
    downloads: Object.entries(DOWNLOADS).map(([name, { label }]) => ({ label, path: `/${name}` })),
    proxy: address,
    platforms: place === null ? [] : setupGuides(place),
  };
}

export function learnedSource(running: Running): LearnedSource {
  const healing = () => running.proxy?.parts.tls.selfHealing ?? null;
  return {
    list: () => (healing()?.splices ?? []).map(itemOf),
    remove: (host, client) => {
      const source = healing();
      if (source === null) return 0;
      const wanted = host.toLowerCase().replace(/\.$/, '');
      const isMeant = (splice: LearnedSplice): boolean =>
        (splice.host === wanted || splice.sni === wanted) && (client === null || splice.client === client);
      source.close(); // writes what is not written yet; it notices the next time that it looks
      const splices = readSplices(source.file);
      const left = splices.filter((splice) => !isMeant(splice));
      if (left.length < splices.length) writeSplices(source.file, left);
      return splices.length - left.length;
    },
  };
}

function itemOf(splice: LearnedSplice): LearnedItem {
  return {
    host: nameOf(splice),
    client: splice.client,
    since: new Date(splice.learnedAt).toISOString(),
    reason: reasonFor(splice),
    until: new Date(splice.expiresAt).toISOString(),
  };
}

export function pluginSource(running: Running): PluginSource {
  const { own } = running;
  return {
    reload: async (name) => {
      // Where worker processes alone have the plugins, they say what they have.
      const isLoaded = own === null || own.blades.plugins.some((plugin) => plugin.name === name);
      return isLoaded ? await running.reloadPlugin!(name) : null;
    },
    list: () => (own?.blades.plugins ?? []).map(viewOf),
    panel: async (plugin, id) => {
      const loaded = own?.blades.plugins.find(({ name }) => name === plugin);
      const panel = loaded?.panels.find((each) => each.id === id);
      if (panel === undefined) return null;
      return { plugin, id, title: panel.title, data: await panelView(panel) };
    },
  };
}

type Loaded = NonNullable<Running['own']>['blades']['plugins'][number];

function viewOf({ name, version, use, blades, services, hooks, panels }: Loaded): PluginView {
  return {
    ...{ name, version, path: use },
    blades: blades.map((blade) => blade.name),
    services: services.map(({ path }) => path),
    hooks: HOOK_POINTS.filter((point) => hooks.some(({ hook }) => hook[point] !== undefined)),
    panels: panels.map(({ id, title }) => ({ id, title })),
  };
}

// Sets up the threat emulation blade as the gateway does, with its reports in a folder of the test.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import emulation from '../../../plugins/threat-emulation/index.ts';
import type { EmulationReport } from '../../../plugins/threat-emulation/report.ts';
import { ReportStore } from '../../../plugins/threat-emulation/report-store.ts';
import type { Blade, PanelDefinition, Verdict } from '../../../src/plugin/api.ts';
import { tempDir } from '../../support/tempDir.ts';
import { message } from '../antivirus/blade-support.ts';

export interface TestEmulation extends AsyncDisposable {
  readonly blade: Blade;
  readonly warnings: string[];
  readonly panels: Readonly<Record<string, PanelDefinition>>;
  /** Reports on disk; opened anew, as after a restart. */
  reports(): ReportStore;
  /** The report that was written last. */
  lastReport(): Promise<EmulationReport>;
  inspect(body: Buffer | string, headers?: Record<string, string>, signal?: AbortSignal): Promise<Verdict>;
}

/**
 * Runs the plugin's `setup`.
 * @param options as they would stand in the configuration
 * @param antivirus what `findBlade('antivirus')` finds
 */
export async function emulationBlade(
  { reports, ...options }: { readonly reports?: object } & Readonly<Record<string, unknown>> = {},
  antivirus: Blade | null = null,
): Promise<TestEmulation> {
  const folder = await tempDir();
  const warnings: string[] = [];
  const panels: Record<string, PanelDefinition> = {};
  const reportFolder = path.join(folder.path, 'reports');
  let registered: Blade | undefined;
  await emulation.setup({
    options: emulation.options!.parse({
      workers: 1,
      reports: { folder: reportFolder, clean: true, ...reports },
      ...options,
    }),
    folder: fileURLToPath(new URL('../../../plugins/threat-emulation', import.meta.url)),
    log: {
      debug: () => {},
      info: () => {},
      warn: (_fields, text) => warnings.push(text),
      error: (_fields, text) => warnings.push(text),
    },
    blade: (blade) => (registered = blade),
    service: () => {},
    proxyHook: () => {},
    panel: (panel) => (panels[panel.id] = panel),
    watch: () => {},
    findBlade: (name) => (name === 'antivirus' ? antivirus : null),
  });
  const blade = registered!;
  return {
    blade,
    warnings,
    panels,
    reports: () => new ReportStore(reportFolder, 500),
    async lastReport() {
      const store = new ReportStore(reportFolder, 500);
      const [id] = await store.latest(1);
      return (await store.read(id!))!;
    },
    inspect: async (body, headers = {}, signal = new AbortController().signal) =>
      blade.inspect(message(body, headers), signal),
    async [Symbol.asyncDispose]() {
      await blade.close?.();
      await folder[Symbol.asyncDispose]();
    },
  };
}

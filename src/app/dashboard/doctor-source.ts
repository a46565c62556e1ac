// Examinations of the configured ICAP services, as `weir icap doctor` makes them, for the dashboard. A service
// of our own gateway is examined where that listens.

import type { AdaptationService as ServiceConfig } from '../../config/types.ts';
import type { DoctorSource, Examination } from '../../dashboard/api/sources.ts';
import { selectChecks } from '../../icap/doctor/catalogue.ts';
import { examine } from '../../icap/doctor/examine.ts';
import type { ProbeTls } from '../../icap/probe/connect.ts';
import type { ProbeTarget } from '../../icap/probe/target.ts';
import { readServiceTls } from '../service-tls.ts';
import type { Running } from '../running.ts';
import { gatewayPorts } from '../running.ts';

const READ_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 5000;
const PAUSE_MS = 20; // between two checks
const MAX_CONNECTIONS = 32; // at the same time: it serves others meanwhile
const MAX_KEPT_BYTES = 256 * 1024;

export function doctorSource(running: Running): DoctorSource {
  return {
    prepare: (name, only) => {
      const { adaptation } = running.config;
      const service = Object.hasOwn(adaptation.services, name) ? adaptation.services[name]! : null;
      if (service === null) return null;
      if (isInProcess(running, service) && gatewayPorts(running).length === 0) {
        return { refusal: 'it is served within this process, and the gateway listens nowhere' };
      }
      return examinationOf(service, running, only);
    },
  };
}

function isInProcess({ proxy }: Running, { name }: ServiceConfig): boolean {
  const used = proxy?.parts.adaptation.services.find((service) => service.name === name);
  return used?.remote === false;
}

function examinationOf(service: ServiceConfig, running: Running, only: readonly string[]): Examination {
  const checks = selectChecks(only);
  return {
    total: checks.length,
    run: ({ onStart, onReport }) =>
      examine({
        target: targetOf(service, running),
        tls: tlsOf(service, running),
        checks,
        intrusive: false,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        readTimeoutMs: READ_TIMEOUT_MS,
        maxBytes: MAX_KEPT_BYTES,
        maxConcurrency: MAX_CONNECTIONS,
        fields: [],
        pauseMs: PAUSE_MS,
        onStart: ({ title }) => onStart(title),
        onReport,
      }),
  };
}

function targetOf({ url }: ServiceConfig, running: Running): ProbeTarget {
  const { host, secure, path, query, user, password, socketPath } = url;
  const isOurs = running.config.gateway.listen.findIndex(({ port }) => port === url.port);
  const port = gatewayPorts(running)[isOurs] ?? url.port;
  const target = { host, port, secure, path: path + query, user: user ?? '', password: password ?? '' };
  return socketPath === null ? target : { ...target, socketPath };
}

function tlsOf({ name }: ServiceConfig, { config }: Running): ProbeTls {
  const tls = readServiceTls(config.adaptation).options.get(name);
  if (tls === undefined) return {};
  const { ca = [], cert, key, verify } = tls;
  return {
    ...(ca.length === 0 ? {} : { ca: [ca].flat().join('\n') }),
    ...(verify === false ? { insecure: true } : {}),
    ...(cert == null || key == null ? {} : { cert, key }),
  };
}

// The texts of pages in English: what every other catalogue is measured by, and where a language is missing.

import type { ErrorCode } from '../../errors.ts';
import type { Catalogue, ErrorText } from './catalogue.ts';

export const en = {
  'page.brand': 'Weir',
  'page.maker': 'This page was made by Weir, the gateway that inspects web traffic on this network.',
  'site.unknown': 'the site',
  'value.unknown': 'unknown',

  'block.download.title': 'Download stopped',
  'block.download.lead':
    'Weir found {threat} in what {site} sent, and stopped it. Nothing reached your device.',
  'block.upload.title': 'Upload stopped',
  'block.upload.lead':
    'Weir found {threat} in what you were sending to {site}, and stopped it before it left.',
  'block.request.title': 'Request stopped',
  'block.request.lead': 'Weir found {threat} in your request to {site}, and stopped it before it left.',
  'block.help.heading': 'What you can do',
  'block.help.download.1': 'Nothing needs to be cleaned up: the content was not delivered.',
  'block.help.download.2':
    'Do not try to get the same content another way, for example from another network.',
  'block.help.upload.1': 'Nothing was sent. The content is still on your device: do not open or share it.',
  'block.help.upload.2': 'If you do not know where it came from, have your device checked.',
  'block.help.request.1': 'Nothing was sent. If you followed a link, do not try it again.',
  'block.help.request.2': 'If you did not expect this request, have your device checked.',
  'block.help.report':
    'If you think this is a mistake, contact your help desk and give the incident number below.',

  'continue.heading': 'If you need it nonetheless',
  'continue.ask':
    'You may continue if your work needs this. Say why: your reason is recorded together with your name or address. It then holds for {holds}.',
  'continue.inform':
    'You may continue if you know what this is. That you did is recorded together with your name or address. It then holds for {holds}.',
  'continue.reason': 'Your reason',
  'continue.missing': 'Please give a reason of at least {least} characters.',
  'continue.button': 'Continue',
  'continue.refused.title': 'This cannot be continued',
  'continue.refused.lead':
    'The confirmation is not valid any more, was used before, or was not made for you.',
  'continue.refused.help': 'Open the address again: a new page comes if you may continue.',
  'continue.again.title': 'You may send it again',
  'continue.again.lead':
    'What you were sending to {site} was stopped and not kept. Your confirmation is recorded.',
  'continue.again.help': 'Go back and send it once more.',

  'error.help.heading': 'What you can do',
  'error.help.report': 'If it keeps happening, contact your help desk and give the incident number below.',
  'error.failClosed': 'The content was not delivered, because it could not be inspected.',

  'wait.title': 'Being inspected',
  'wait.lead':
    'Weir inspects what {site} sends before it reaches your device. This takes longer than usual, so you see this page meanwhile.',
  'wait.receiving': 'It is being received from the site.',
  'wait.inspecting': 'All of it has been received; the inspection is running.',
  'wait.done': 'Inspected',
  'wait.ready': 'The inspection is over. If nothing has started by itself, use the link below.',
  'wait.progress': 'Received',
  'wait.help.heading': 'What happens next',
  'wait.help.1': 'You need not do anything: what you asked for opens, or its download starts, by itself.',
  'wait.help.2': 'You may reload this page. The inspection goes on, and is not begun anew.',
  'wait.help.3': 'If something dangerous is found, a page tells you so.',
  'wait.continue': 'Show or download it now, if it is ready',
  'wait.again': 'It is not ready. Ask again in {seconds} s at {next}',
  'wait.file': 'File',
  'wait.elapsed': 'Time so far',
  'wait.of': '{received} of {total}',

  'certificate.faults': 'What is wrong with its certificate',
  'certificate.heading': 'The certificate',
  'certificate.subject': 'Issued to',
  'certificate.names': 'Valid for',
  'certificate.issuer': 'Issued by',
  'certificate.from': 'Valid from',
  'certificate.to': 'Valid until',
  'certificate.key': 'Key',
  'certificate.serial': 'Serial number',
  'certificate.fingerprint': 'SHA-256',
  'certificate.chain': 'Chain',
  'certificate.goOn.heading': 'If you know why',
  'certificate.goOn.text':
    'You can go on to this site although nobody can tell whether it is the right one. Whatever you send there may be read by others. Your decision is recorded, and holds for {holds}.',
  'certificate.goOn.button': 'Go on nonetheless',

  'details.heading': 'Details for the help desk',
  'details.incident': 'Incident',
  'details.time': 'Time',
  'details.threat': 'Threat',
  'details.severity': 'Severity',
  'details.blade': 'Found by',
  'details.reason': 'Reason',
  'details.profile': 'Profile',
  'details.request': 'Request',
  'details.report': 'Report',
  'details.status': 'Status',
  'details.code': 'Error code',
  'details.message': 'Message',
  'details.remedy': 'Remedy',

  // The status page is for administrators and has no other language.
  'info.title': 'Weir gateway',
  'info.lead': 'The gateway is running. Version {version}, since {since}.',
  'info.services': 'Services',
  'info.services.none': 'No service is configured.',
  'info.service.path': 'Path',
  'info.service.methods': 'Methods',
  'info.service.profile': 'Profile',
  'info.service.istag': 'ISTag',
  'info.blades': 'Blades',
  'info.blades.none': 'No blade is enabled: everything is answered “not modified”.',
  'info.blade.name': 'Name',
  'info.blade.fingerprint': 'Fingerprint',
  'info.counters': 'Counters',
  'info.counters.none': 'Nothing has been counted yet.',
  'info.counter.name': 'Counter',
  'info.counter.value': 'Value',
  'info.processes': 'Processes',
  'info.processes.none': 'The gateway runs in one process.',
  'info.process.pid': 'Process',
  'info.process.phase': 'State',
  'info.process.generation': 'Configuration',
  'info.process.since': 'Since',
  'info.process.connections': 'Connections',
  'info.process.busy': 'Busy handlers',
  'info.process.free': 'Free handlers',
  'info.process.memory': 'Memory',
} as const;

const RETRY = 'Try again in a few minutes.';
const notInspected = (why: string): ErrorText => ({
  title: 'The content could not be inspected',
  lead: `Everything is inspected before it is passed on, and ${why}.`,
  help: RETRY,
});
const notAllowed: ErrorText = {
  title: 'This address is not allowed',
  lead: 'Access to {site} through this proxy is not permitted.',
  help: 'This is a rule of your network, not a fault of the site.',
};

// A code that has no line of its own takes that of its area: ERR_<AREA>_….
const errors: Readonly<Partial<Record<ErrorCode, ErrorText>> & Record<string, ErrorText>> = {
  ERR_ORIGIN_DNS: { title: 'This site was not found', lead: 'No address is known for {site}.' },
  ERR_ORIGIN_UNREACHABLE: {
    title: 'This site cannot be reached',
    lead: 'No connection to {site} was possible.',
  },
  ERR_ORIGIN_TIMEOUT: { title: 'This site took too long', lead: 'No answer came from {site} in time.' },
  ERR_ORIGIN_UNTRUSTED: {
    title: 'This site’s identity cannot be verified',
    lead: 'The certificate that {site} presented cannot be trusted. Your request was not sent to it.',
    help: 'Tell the operator of the site. Do not enter a password there by another way until it is mended.',
  },
  ERR_ORIGIN_TLS: {
    title: 'No secure connection to this site',
    lead: 'A secure connection to {site} could not be agreed. Your request was not sent.',
  },
  ERR_ORIGIN_CLOSED: {
    title: 'The connection was lost',
    lead: 'The connection to {site} was closed before the answer was complete.',
  },
  ORIGIN: { title: 'This site’s answer cannot be used', lead: 'What {site} sent is not a valid answer.' },

  ERR_PROXY_LOOP: {
    title: 'The request is going in circles',
    lead: 'The request came back to this proxy instead of reaching {site}.',
    help: 'Check the proxy settings of your device.',
  },
  ERR_PROXY_OVERLOADED: {
    title: 'Too busy at the moment',
    lead: 'The proxy has no room for another connection.',
    help: RETRY,
  },
  ERR_PROXY_AUTH: {
    title: 'Please log in to the proxy',
    lead: 'The proxy asks for a user name and a password before it opens {site}.',
    help: 'Enter your user name and password when the browser asks, or set them in the proxy settings.',
  },
  ERR_PROXY_CLIENT: {
    title: 'This proxy is not for your device',
    lead: 'The proxy does not serve the network that your device is in, or does not know its certificate.',
  },
  ERR_PROXY_CONNECTIONS: {
    title: 'Too many connections',
    lead: 'Your device has too many connections to the proxy open.',
    help: RETRY,
  },
  ERR_PROXY_RATE: {
    title: 'Too many requests',
    lead: 'Your device sends more requests than the proxy takes from one device.',
    help: RETRY,
  },
  AUTH: {
    title: 'The log-in cannot be checked now',
    lead: 'The proxy could not check your password, so {site} was not opened.',
    help: RETRY,
  },
  PROXY: notAllowed,

  ERR_PATIENCE_TICKET: {
    title: 'This is not kept any more',
    lead: 'What {site} sent was inspected and kept for a while for whoever had asked for it. It is not there, or not for you.',
    help: 'Open the address again, without what Weir had added to it.',
  },

  ERR_ADAPT_UNAVAILABLE: notInspected('the inspection service does not answer'),
  ERR_ADAPT_TIMEOUT: notInspected('the inspection took too long'),
  ERR_SCAN_TIMEOUT: notInspected('the inspection took too long'),
  ADAPT: notInspected('this inspection failed'),
  ICAP: notInspected('this inspection failed'),
  SCAN: notInspected('this inspection failed'),
  PLUGIN: notInspected('this inspection failed'),
  UNPACK: {
    ...notInspected('this content could not be unpacked: it is damaged, or too large when unpacked'),
    help: 'Ask the sender for a sound copy, or for smaller parts.',
  },

  ERR_HTTP_TIMEOUT: {
    title: 'The request took too long',
    lead: 'The request did not arrive completely in time.',
  },
  ERR_HTTP_HEAD_TOO_LARGE: {
    title: 'The request is too large',
    lead: 'The request’s header fields are too long.',
  },
  ERR_HTTP_TARGET_TOO_LONG: { title: 'The address is too long', lead: 'The requested URL is too long.' },
  HTTP: { title: 'The request was not understood', lead: 'The request is malformed and was not passed on.' },
  TLS: { title: 'No secure connection', lead: 'The secure connection to this proxy could not be set up.' },
  OTHER: { title: 'Something went wrong', lead: 'The request could not be completed.', help: RETRY },
};

export const ENGLISH: Catalogue = { language: 'en', direction: 'ltr', texts: en, errors };

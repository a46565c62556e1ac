// Lets users continue past a block where the profile says `ask` or `inform`: offers the form, takes its answer,
// and remembers for how long somebody may have what. Works behind any ICAP client, as the form goes to the
// blocked site and comes here as REQMOD; nothing is kept at the browser. Decision 0017, G-27.

import { randomBytes } from 'node:crypto';
import { messageOf } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import type { IcapOutcome, IcapTransaction } from '../../icap/service.ts';
import type { ContinueForm, Look, Page, PageReader } from '../../pages/index.ts';
import {
  audienceOf,
  continueRefusedPage,
  languageOf,
  LEAST_REASON,
  MOST_REASON,
  reasonMissingPage,
  sendAgainPage,
} from '../../pages/index.ts';
import type { BladeMessage, BlockVerdict, Severity } from '../../plugin/api.ts';
import type { Incident } from '../../telemetry/incidents.ts';
import { newIncidentId } from '../../util/incident-id.ts';
import { messageUrl } from '../blade-message.ts';
import type { Identity } from '../identity.ts';
import type { InspectionProfile } from '../inspection.ts';
import type { Content } from '../verdicts/remembered.ts';
import { blockRule, isOpen } from './actions.ts';
import { Grants } from './grants.ts';
import { loadKey } from './key-file.ts';
import { scopeOf, siteOf } from './scope.ts';
import { FORM_PATH, isNavigation, readForm, suspicionOf } from './submission.ts';
import type { Ticket, Who } from './token.ts';
import { openTicket, sealTicket } from './token.ts';

export interface UserCheckOptions {
  /** Holds the key and what was granted. */
  readonly folder: string;
  /** How long a page can be answered. */
  readonly ticketMs: number;
  /** Whether users may continue past findings of severity critical. */
  readonly critical: boolean;
  /** Of all pages of the gateway; null: the built-in one. */
  readonly look: Look | null;
}

/** Who is told. */
export interface UserCheckEvents {
  incident(incident: Incident): void;
  /** Never left out. */
  log(level: 'info' | 'warn', message: string, fields: object): void;
  /** May be left out in a flood. */
  event(level: 'info' | 'warn', message: string, fields: object): void;
}

/** A message that a blade would block. */
export interface Finding {
  readonly profile: InspectionProfile;
  readonly blade: string;
  readonly verdict: BlockVerdict;
  readonly message: BladeMessage;
  readonly content: Content | null;
}

export class UserCheck {
  readonly options: UserCheckOptions;
  readonly #events: UserCheckEvents;
  readonly #grants: Grants;
  /** Tokens that are being answered now. */
  readonly #answering = new Set<string>();
  #key: Promise<Buffer> | null = null;

  constructor(options: UserCheckOptions, events: UserCheckEvents) {
    this.options = options;
    this.#events = events;
    const remedy = 'Check free space and permissions of usercheck.folder.';
    this.#grants = new Grants(options.folder, (error) =>
      events.event('warn', 'what users have continued past cannot be kept', {
        reason: messageOf(error),
        remedy,
      }),
    );
  }

  /** Whether the user behind the message has continued past this before. */
  async mayPass({ profile, blade, verdict, message, content }: Finding): Promise<boolean> {
    if (!isOpen(blockRule(profile, blade), verdict, this.options.critical)) return false;
    const who = whoOf(message.client.ip, message.client.user);
    const scope = scopeOf(message, content);
    if (who === null || scope === null) return false;
    const wanted = { ...who, profile: profile.name, blade, threat: verdict.threat, scope };
    return (await this.#grants.endOf(wanted, Date.now())) !== null;
  }

  /**
   * The form for a block page; null where the user has no way on, or a way would be no good: for programs, parts
   * of pages, and users whom nobody knows.
   */
  async offer(
    finding: Finding,
    transaction: IcapTransaction,
    about: { readonly incident: string; readonly service: string },
  ): Promise<ContinueForm | null> {
    const { profile, blade, verdict, message, content } = finding;
    const rule = blockRule(profile, blade);
    const { request } = transaction;
    if (request === null || !isOpen(rule, verdict, this.options.critical)) return null;
    if (audienceOf(request.headers) !== 'html' || !isNavigation(request)) return null;
    const who = whoOf(message.client.ip, message.client.user);
    const scope = scopeOf(message, content);
    if (who === null || scope === null) return null;
    const ticket: Ticket = {
      nonce: randomBytes(12).toString('base64url'),
      expiresAt: Date.now() + this.options.ticketMs,
      ...about,
      ...{ profile: profile.name, blade, threat: verdict.threat, severity: verdict.severity, scope },
      ...{ url: message.url, method: request.method, direction: message.direction },
    };
    const key = await this.#loadKey();
    if (key === null) return null;
    return formOf(ticket, sealTicket(ticket, who, key), rule);
  }

  /**
   * Answers a form that has come back.
   * @param service  path of the service that it came to
   * @param profile  what its user is scanned with now
   */
  async answer(
    transaction: IcapTransaction,
    service: string,
    profile: InspectionProfile,
    identity: Identity,
  ): Promise<IcapOutcome> {
    const headers = transaction.request!.headers;
    const { look } = this.options;
    const words = languageOf(headers, look?.catalogues);
    const reader: PageReader = { audience: audienceOf(headers), words, look };
    try {
      const decided = await this.#decide(transaction, service, profile, identity, reader);
      if (typeof decided !== 'string') return outcomeOf(decided);
      const incident = newIncidentId();
      const { clientIp: client, user } = identity;
      const fields = { incident, reason: decided, client, user, url: messageUrl(transaction) };
      this.#events.event('warn', `a confirmation of a user was refused: ${decided}`, fields);
      return outcomeOf(continueRefusedPage(incident, reader));
    } finally {
      transaction.body?.release();
    }
  }

  flush(): Promise<void> {
    return this.#grants.flush();
  }

  /** @returns the answer, or why there is none */
  async #decide(
    transaction: IcapTransaction,
    service: string,
    profile: InspectionProfile,
    identity: Identity,
    reader: PageReader,
  ): Promise<Page | string> {
    const site = siteOf(messageUrl(transaction));
    const who = whoOf(identity.clientIp, identity.user);
    if (site === null || who === null) return 'foreign';
    const suspicion = suspicionOf(transaction.request!, site);
    if (suspicion !== null) return suspicion;
    const form = await readForm(transaction);
    const key = await this.#loadKey();
    if (form === null || key === null) return 'forged';
    const opened = openTicket(form.token, who, key, Date.now());
    if (opened.state !== 'valid') return opened.state;
    const { ticket } = opened;
    if (siteOf(ticket.url) !== site || ticket.service !== service) return 'foreign';
    const rule = blockRule(profile, ticket.blade);
    const found = { severity: ticket.severity as Severity } as BlockVerdict;
    if (ticket.profile !== profile.name || !isOpen(rule, found, this.options.critical))
      return 'not offered any more';
    if (this.#answering.has(ticket.nonce)) return 'replayed';
    this.#answering.add(ticket.nonce);
    try {
      if (await this.#grants.isUsed(ticket.nonce)) return 'replayed';
      const reason = lineOf(form.reason);
      if (rule.action === 'ask' && [...reason].length < LEAST_REASON) {
        return reasonMissingPage(formOf(ticket, form.token, rule), ticket.incident, reader);
      }
      await this.#grant(ticket, who, rule.rememberMs, rule.action as 'ask' | 'inform', reason);
    } finally {
      this.#answering.delete(ticket.nonce);
    }
    return ticket.direction === 'request' && !ticket.scope.startsWith('host:')
      ? sendAgainPage(site, ticket.incident, reader)
      : redirectTo(ticket.url);
  }

  async #grant(
    ticket: Ticket,
    who: Who,
    rememberMs: number,
    action: 'ask' | 'inform',
    reason: string,
  ): Promise<void> {
    const { profile, blade, threat, scope, nonce, expiresAt, url, incident, direction, service } = ticket;
    const time = Date.now();
    const until = time + rememberMs;
    await this.#grants.add({ ...who, profile, blade, threat, scope }, until, nonce, expiresAt);
    const justification = action === 'ask' ? reason : null;
    this.#events.log('info', 'a user continued past a block', {
      ...{ incident, ...who, url, blade, threat, action, reason: justification, scope },
      until: new Date(until).toISOString(),
    });
    this.#events.incident({
      ...{ kind: 'continued', time, id: incident, service, profile, direction, url, ...who, threat },
      ...{ severity: ticket.severity as Severity, reason: 'the user has continued past the block', blade },
      sha256: scope.startsWith('sha256:') ? scope.slice('sha256:'.length) : null,
      ...{ bytes: 0, cached: false, quarantined: false, recipients: [], moreRecipients: 0 },
      ...{ action, justification },
    });
  }

  async #loadKey(): Promise<Buffer | null> {
    this.#key ??= loadKey(this.options.folder);
    try {
      return await this.#key;
    } catch (error) {
      this.#key = null;
      this.#events.event('warn', `users cannot continue past blocks: ${messageOf(error)}`, {});
      return null;
    }
  }
}

/** Null where nobody is known: a grant for nobody would be one for everybody. */
function whoOf(client: string | null, user: string | null): Who | null {
  return client === null && user === null ? null : { client, user };
}

function formOf(
  { incident }: Ticket,
  token: string,
  rule: { readonly action: string; readonly rememberMs: number },
): ContinueForm {
  const kind = rule.action === 'ask' ? 'ask' : 'inform';
  return { kind, action: `${FORM_PATH}${incident}`, token, holdsMs: rule.rememberMs };
}

/** What a user has typed, as one line of bounded length for a log. */
function lineOf(text: string): string {
  const line = text.slice(0, 4 * MOST_REASON).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, ' ');
  return [...line.trim()].slice(0, MOST_REASON).join('');
}

/** Back to where the user came from, relative: the client knows better than we by which scheme. */
function redirectTo(url: string): Page {
  const { pathname, search } = new URL(url);
  const path = pathname.startsWith('//') ? `/.${pathname}` : pathname; // `//x` would be another host
  const headers = ['Location', `${path}${search}`, 'Cache-Control', 'no-store', 'Content-Length', '0'];
  return { status: 303, reason: 'See Other', headers, body: Buffer.alloc(0) };
}

function outcomeOf({ status, reason, headers, body }: Page): IcapOutcome {
  const response = { version: '1.1', status, reason, headers };
  return { kind: 'adapted', response, body: Body.of(body), serverMade: true };
}

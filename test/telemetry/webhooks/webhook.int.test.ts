// Webhooks at a real HTTP server: signed, in their order, again after failures and after a restart; and what
// waits on disk stays within its bounds.

import { readdir, stat } from 'node:fs/promises';
import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Incident } from '../../../src/telemetry/incidents.ts';
import { DiskQueue } from '../../../src/telemetry/webhooks/disk-queue.ts';
import { isWebhookSignature, webhookSignature } from '../../../src/telemetry/webhooks/signature.ts';
import type { WebhookOptions } from '../../../src/telemetry/webhooks/webhook.ts';
import { Webhook } from '../../../src/telemetry/webhooks/webhook.ts';
import { tempDir } from '../../support/tempDir.ts';

const SECRET = 'a-secret-of-the-test';

const incident = (id: string, kind: Incident['kind'] = 'block'): Incident => ({
  ...{ kind, time: 0, id, service: '/s', profile: 'p', direction: 'response', client: '10.0.0.1' },
  ...{ url: 'http://u:p@a.test/x?token=hidden', user: 'alice', threat: 'T', severity: 'high' },
  ...{ reason: 'r', blade: 'b', sha256: null, bytes: 1, cached: false, quarantined: false },
  ...{ recipients: [], moreRecipients: 0 },
});

interface Delivery {
  readonly id: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Answers with the statuses in turn, then 204; keeps what it was sent. */
class Receiver implements AsyncDisposable {
  readonly deliveries: Delivery[] = [];
  readonly statuses: (number | 'cut')[] = [];
  readonly #server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { id } = (JSON.parse(body.toString()) as { incident: { id: string } }).incident;
      const status = this.statuses.shift() ?? 204;
      this.deliveries.push({ id, headers: request.headers, body });
      if (status === 'cut') request.socket.destroy();
      else response.writeHead(status).end(status < 300 ? '' : 'no');
      for (const wake of this.#waits.splice(0)) wake();
    });
  });
  #waits: (() => void)[] = [];

  static async start(...statuses: (number | 'cut')[]): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.statuses.push(...statuses);
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}/hook/secret-path`;
  }

  get ids(): string[] {
    return this.deliveries.map(({ id }) => id);
  }

  async received(count: number): Promise<void> {
    while (this.deliveries.length < count) await new Promise<void>((wake) => this.#waits.push(wake));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const open: Webhook[] = [];
const logged: string[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((hook) => hook.close()));
  logged.length = 0;
});

function hookTo(url: string, folder: string, more: Partial<WebhookOptions> = {}): Webhook {
  const options: WebhookOptions = {
    ...{ name: 'soc', url, secret: SECRET, events: ['block', 'background', 'continued'], folder, ca: [] },
    ...{ timeoutMs: 2000, maxEntries: 100, maxBytes: 1_000_000, maxAgeMs: 60_000, pauseMs: 5 },
    ...more,
  };
  const hook = new Webhook(options, (level, message, fields) =>
    logged.push(`${level} ${message} ${JSON.stringify(fields)}`),
  );
  open.push(hook);
  return hook;
}

test('an incident arrives signed, in JSON, without secrets, and its file is gone then', async () => {
  await using folder = await tempDir();
  await using receiver = await Receiver.start();
  const hook = hookTo(receiver.url, folder.path);
  hook.incident(incident('W-1'));
  hook.incident(incident('W-2'));
  await receiver.received(2); // the second goes out when the first is done with
  const { headers, body } = receiver.deliveries[0]!;
  expect(headers['content-type']).toBe('application/json');
  expect(JSON.parse(body.toString())).toMatchObject({
    ...{ version: 1, event: 'incident.block' },
    incident: { id: 'W-1', url: 'http://[redacted]@a.test/x?token=[redacted]', user: 'alice' },
  });
  const signature = String(headers['weir-signature']);
  expect(isWebhookSignature(signature, body, SECRET, Date.now())).toBe(true);
  expect(await readdir(folder.path)).not.toContain(`${String(headers['weir-delivery'])}.json`);
});

test.each([500, 429, 404, 302, 'cut'] as const)(
  'after %s the same delivery comes again, before the next',
  async (status) => {
    await using folder = await tempDir();
    await using receiver = await Receiver.start(status, status);
    const hook = hookTo(receiver.url, folder.path);
    hook.incident(incident('W-1'));
    hook.incident(incident('W-2'));
    await receiver.received(4);
    expect(receiver.ids).toEqual(['W-1', 'W-1', 'W-1', 'W-2']);
    const names = receiver.deliveries.map(({ headers }) => headers['weir-delivery']);
    expect(new Set(names.slice(0, 3)).size).toBe(1);
    expect(names[3]).not.toBe(names[0]);
    expect(logged[0]).toMatch(/^warn webhook soc \(http:\/\/127\.0\.0\.1:\d+\) cannot be reached/);
    expect(logged.join()).not.toContain('secret');
  },
);

test('a delivery that the receiver refuses for good is given up, and counted', async () => {
  await using folder = await tempDir();
  await using receiver = await Receiver.start(422);
  const hook = hookTo(receiver.url, folder.path);
  hook.incident(incident('W-1'));
  hook.incident(incident('W-2'));
  await receiver.received(2);
  expect(receiver.ids).toEqual(['W-1', 'W-2']);
  expect(hook.dropped).toBe(1);
});

test('what could not be delivered survives a restart, in its order and readable by its owner alone', async () => {
  await using folder = await tempDir();
  await using receiver = await Receiver.start(503);
  const before = hookTo(receiver.url, folder.path, { pauseMs: 60_000 });
  for (const id of ['W-1', 'W-2', 'W-3']) before.incident(incident(id));
  await receiver.received(1);
  await before.close();
  const names = await readdir(folder.path);
  expect(names).toHaveLength(3);
  expect((await stat(folder.join(names[0]!))).mode & 0o777).toBe(0o600);

  const after = hookTo(receiver.url, folder.path);
  after.incident(incident('W-4'));
  await receiver.received(5);
  expect(receiver.ids).toEqual(['W-1', 'W-1', 'W-2', 'W-3', 'W-4']);
});

test('only the incidents that are wanted are told', async () => {
  await using folder = await tempDir();
  await using receiver = await Receiver.start();
  const hook = hookTo(receiver.url, folder.path, { events: ['continued'] });
  hook.incident(incident('W-1'));
  hook.incident(incident('W-2', 'continued'));
  await receiver.received(1);
  expect(receiver.ids).toEqual(['W-2']);
});

test('a folder that cannot be written costs incidents and a warning, nothing else', async () => {
  await using folder = await tempDir();
  const file = await folder.write('file', '');
  const hook = hookTo('http://127.0.0.1:9/', `${file}/below`);
  hook.incident(incident('W-1'));
  await hook.close();
  expect(hook.dropped).toBe(1);
  expect(logged.some((line) => line.includes('cannot keep incidents on disk'))).toBe(true);
});

describe('the queue on disk', () => {
  const limits = { entries: 3, bytes: 100, ageMs: 1000 };
  const text = async (queue: DiskQueue, now: number) => (await queue.first(now))?.message.toString();

  test('drops the oldest beyond its number, its bytes and its age, and counts them', async () => {
    await using folder = await tempDir();
    const queue = new DiskQueue(folder.path, limits);
    await queue.open();
    for (let n = 0; n < 4; n++) await queue.add(Buffer.from(`m${n}`), 1000);
    expect([queue.length, queue.dropped, await text(queue, 1000)]).toEqual([3, 1, 'm1']);
    await queue.add(Buffer.alloc(98, 'x'), 1500);
    expect([queue.length, queue.dropped]).toEqual([2, 3]);
    expect(await text(queue, 2001)).toBe('x'.repeat(98));
    expect(await text(queue, 2501)).toBeUndefined();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('keeps its order when the clock is set back, removes drafts, and leaves strange files alone', async () => {
    await using folder = await tempDir();
    await folder.write('x.json.draft', 'half');
    await folder.write('notes.txt', 'mine');
    const queue = new DiskQueue(folder.path, { ...limits, ageMs: 1e9 });
    await queue.open();
    await queue.add(Buffer.from('first'), 5000);
    await queue.add(Buffer.from('second'), 1000);
    const again = new DiskQueue(folder.path, { ...limits, ageMs: 1e9 });
    await again.open();
    expect(await text(again, 5000)).toBe('first');
    expect((await readdir(folder.path)).filter((name) => !/^[0-9a-z]{9}-/.test(name))).toEqual(['notes.txt']);
  });

  test('goes on where somebody has removed a file', async () => {
    await using folder = await tempDir();
    const queue = new DiskQueue(folder.path, limits);
    await queue.open();
    await queue.add(Buffer.from('a'), 0);
    await queue.add(Buffer.from('b'), 0);
    const other = new DiskQueue(folder.path, limits);
    await other.open();
    await other.remove((await other.first(0))!.entry);
    expect(await text(queue, 0)).toBe('b');
  });
});

describe('a signature', () => {
  const body = Buffer.from('{"a":1}');
  const now = 1_700_000_000_000;
  const value = webhookSignature(body, SECRET, now);

  test('is right for its body, its secret and five minutes', () => {
    expect(value).toMatch(/^t=1700000000,v1=[0-9a-f]{64}$/);
    expect(isWebhookSignature(value, body, SECRET, now + 300_000)).toBe(true);
    expect(isWebhookSignature(value, body, SECRET, now + 301_000)).toBe(false);
    expect(isWebhookSignature(value, body, SECRET, now - 301_000)).toBe(false);
    expect(isWebhookSignature(value, Buffer.from('{"a":2}'), SECRET, now)).toBe(false);
    expect(isWebhookSignature(value, body, `${SECRET}!`, now)).toBe(false);
  });

  test.each(['', 't=,v1=', `t=1700000001,${value.slice(13)}`, value.toUpperCase(), `${value} `])(
    '%j is none',
    (other) => {
      expect(isWebhookSignature(other, body, SECRET, now)).toBe(false);
    },
  );
});

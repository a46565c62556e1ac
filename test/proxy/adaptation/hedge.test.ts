import { describe, expect, test } from '@jest/globals';
import { HttpError } from '../../../src/errors.ts';
import { Body, collectBody } from '../../../src/http/body.ts';
import { HeldBody } from '../../../src/http/held-body.ts';
import { DEFAULT_SPOOL } from '../../../src/http/spool.ts';
import { copiesOf, HedgeBudget } from '../../../src/proxy/adaptation/hedge.ts';
import { AdaptationStep } from '../../../src/proxy/adaptation/step.ts';
import { Cancellation } from '../../../src/util/cancellation.ts';
import type { IcapConversation, ScriptedIcap } from '../../icap/client/scripted-icap.ts';
import {
  CONTINUE,
  NO_CONTENT,
  PAGE,
  bodyOf,
  respmod,
  scriptedIcap,
} from '../../icap/client/scripted-icap.ts';

const TEXT = Buffer.from('a page of some length');

describe('a group that hedges', () => {
  /** A server whose first requests are answered at once; what comes after them, `late` decides. */
  const server = (late: (peer: IcapConversation) => Promise<void> | void): Promise<ScriptedIcap> =>
    scriptedIcap((peer, _request, index) => (index < WARM ? peer.send(NO_CONTENT) : late(peer)));
  const WARM = 40; // answers from which the group knows its p95

  async function warmGroup(first: ScriptedIcap, second: ScriptedIcap): Promise<AdaptationStep> {
    const members = [first, second].map((icap, index) => ({
      service: icap.client({ name: `member ${index}` }),
      ...{ onError: 'block' as const, busy: 0 },
    }));
    const step = new AdaptationStep('group', members, 'failover', { hedge: true });
    for (let i = 0; i < WARM; i++) await step.run(respmod(TEXT), DEFAULT_SPOOL);
    return step;
  }

  test('takes the second member when the first is late, and cancels the first', async () => {
    let cancelled: (rest: Promise<string>) => void = () => {};
    const first = new Promise<string>((resolve) => (cancelled = resolve));
    await using slow = await server((peer) => {
      cancelled(peer.closed());
      return new Promise(() => {});
    });
    await using fast = await scriptedIcap(async (peer) => {
      peer.send(CONTINUE);
      await peer.readRest();
      peer.send(PAGE);
    });
    const step = await warmGroup(slow, fast);
    const { service, adaptation } = await step.run(respmod(TEXT), DEFAULT_SPOOL);
    expect(service).toBe('member 1');
    expect((await bodyOf(adaptation!)).toString()).toBe('blocked');
    await first; // its connection was closed
    expect(step.members.map(({ busy }) => busy)).toEqual([0, 0]);
  });

  test('gives the original back, whole, behind an answer of the second member', async () => {
    await using slow = await server(() => new Promise(() => {}));
    await using fast = await scriptedIcap((peer) => peer.send(NO_CONTENT));
    const step = await warmGroup(slow, fast);
    const { service, adaptation } = await step.run(respmod(TEXT), DEFAULT_SPOOL);
    expect(service).toBe('member 1');
    expect((await bodyOf(adaptation!)).equals(TEXT)).toBe(true);
  });

  test('waits for the first member when the second fails meanwhile', async () => {
    let answer: () => void = () => {};
    await using slow = await server((peer) => {
      answer = () => peer.send(NO_CONTENT);
    });
    await using bad = await scriptedIcap((peer) => {
      peer.socket.destroy();
      answer();
    });
    const step = await warmGroup(slow, bad);
    const { service } = await step.run(respmod(TEXT), DEFAULT_SPOOL);
    expect(service).toBe('member 0');
  });

  test('asks the next member at once when the first fails', async () => {
    await using bad = await server((peer) => void peer.socket.destroy());
    await using good = await scriptedIcap((peer) => peer.send(NO_CONTENT));
    const step = await warmGroup(bad, good);
    expect((await step.run(respmod(TEXT), DEFAULT_SPOOL)).service).toBe('member 1');
  });

  test('fails with the last failure when nobody answers', async () => {
    await using bad = await server((peer) => void peer.socket.destroy());
    await using worse = await scriptedIcap((peer) => peer.send('ICAP/1.0 500 Broken\r\n\r\n'));
    const step = await warmGroup(bad, worse);
    const failure = step.run(respmod(TEXT), DEFAULT_SPOOL);
    await expect(failure).rejects.toMatchObject({ code: 'ERR_ADAPT_STATUS' });
  });

  test('asks nobody else for a client that has left', async () => {
    const cancellation = new Cancellation();
    await using slow = await server(() => {
      cancellation.cancel(new HttpError('ERR_ABORTED', 'gone'));
      return new Promise(() => {});
    });
    await using fast = await scriptedIcap((peer) => peer.send(NO_CONTENT));
    const step = await warmGroup(slow, fast);
    const given = step.run(respmod(TEXT, { cancellation }), DEFAULT_SPOOL);
    await expect(given).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(fast.connections()).toBe(0);
  });
});

test('there are never more than one second request for ten first ones', () => {
  const budget = new HedgeBudget();
  let second = 0;
  for (let first = 1; first <= 1000; first++) {
    budget.earn();
    if (budget.spend()) second++;
    expect(second).toBeLessThanOrEqual(first / 10);
  }
  expect(second).toBe(100);
});

describe('the body of a message that may be sent twice', () => {
  const held = (body: Body) => respmod(null, { body: new HeldBody(body) });

  test('can be had as often as wanted, with its trailers', async () => {
    const body = new Body(undefined, 10);
    body.push(Buffer.from('first '));
    const copies = copiesOf(held(body), DEFAULT_SPOOL);
    body.push(Buffer.from('last'));
    body.end(['X-Sum', '10']);
    const copy = (await copies)!;
    for (let i = 0; i < 3; i++) {
      const again = copy()!.restream();
      expect((await collectBody(again, 100)).toString()).toBe('first last');
      expect(again.trailers).toEqual(['X-Sum', '10']);
    }
  });

  test('is not waited for when it is long, or when its length is not known', async () => {
    expect(await copiesOf(held(new Body(undefined, 64 * 1024 + 1)), DEFAULT_SPOOL)).toBeNull();
    expect(await copiesOf(held(new Body()), DEFAULT_SPOOL)).toBeNull();
    expect((await copiesOf(respmod(null), DEFAULT_SPOOL))!()).toBeNull();
  });

  test('that breaks off fails the message', async () => {
    const body = new Body(undefined, 10);
    const copies = copiesOf(held(body), DEFAULT_SPOOL);
    const broken = new HttpError('ERR_ORIGIN_CLOSED', 'broken off');
    body.fail(broken);
    await expect(copies).rejects.toBe(broken);
  });
});

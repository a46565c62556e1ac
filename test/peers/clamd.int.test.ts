import { expect, test } from '@jest/globals';
import { eicar, eicarGzip, eicarZip } from '../support/eicar.ts';
import { CLAMD_EICAR_NAME, startClamd } from '../support/peers/clamd.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { rawExchange } from '../support/rawClient.ts';

const instream = (data: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([Buffer.from('zINSTREAM\0'), length, data, Buffer.alloc(4)]);
};

describeWithPeer('clamd', () => {
  test('clamd answers PING and names EICAR in a stream over TCP', async () => {
    await using clamd = await startClamd();
    expect((await rawExchange(clamd.port, 'zPING\0')).toString()).toBe('PONG\0');
    const found = await rawExchange(clamd.port, instream(eicar()));
    expect(found.toString()).toBe(`stream: ${CLAMD_EICAR_NAME} FOUND\0`);
    const clean = await rawExchange(clamd.port, instream(Buffer.from('nothing')));
    expect(clean.toString()).toBe('stream: OK\0');
  });

  test('clamd finds EICAR in our gzip and ZIP forms of it', async () => {
    await using clamd = await startClamd();
    for (const packed of [eicarGzip(), eicarZip()]) {
      const answer = await rawExchange(clamd.port, instream(packed));
      expect(answer.toString()).toBe(`stream: ${CLAMD_EICAR_NAME} FOUND\0`);
    }
  });

  test('clamd refuses a stream past StreamMaxLength', async () => {
    await using clamd = await startClamd({ streamMaxLength: '1K' });
    const answer = await rawExchange(clamd.port, instream(Buffer.alloc(4096)));
    expect(answer.toString()).toContain('INSTREAM size limit exceeded');
  });
});

// A packet capture of one TCP connection, in the classic pcap format: the segments that a test names, each in
// an Ethernet frame. No handshake and no acknowledgements of their own: readers of captures do without.

/** What one side sends; the client's port is 40000. */
export interface Segment {
  readonly from: 'client' | 'server';
  readonly bytes: Buffer | string;
}

const CLIENT_PORT = 40_000;
const MAX_SEGMENT = 1460; // bytes

/** @param serverPort  by which readers tell the protocol */
export function pcapOf(segments: readonly Segment[], serverPort: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16); // longest frame
  header.writeUInt32LE(1, 20); // Ethernet
  const sent = { client: 1, server: 1 }; // next sequence numbers
  const frames: Buffer[] = [header];
  let time = 0;
  for (const { from, bytes } of segments) {
    const data = Buffer.from(bytes as Buffer);
    for (let at = 0; at < data.length; at += MAX_SEGMENT) {
      const part = data.subarray(at, at + MAX_SEGMENT);
      const other = from === 'client' ? 'server' : 'client';
      const frame = frameOf(from, serverPort, sent[from], sent[other], part);
      sent[from] += part.length;
      const record = Buffer.alloc(16);
      record.writeUInt32LE(1_700_000_000, 0);
      record.writeUInt32LE(time++ * 1000, 4);
      record.writeUInt32LE(frame.length, 8);
      record.writeUInt32LE(frame.length, 12);
      frames.push(record, frame);
    }
  }
  return Buffer.concat(frames);
}

function frameOf(
  from: 'client' | 'server',
  serverPort: number,
  sequence: number,
  acknowledged: number,
  data: Buffer,
): Buffer {
  const ethernet = Buffer.alloc(14);
  ethernet.writeUInt16BE(0x0800, 12); // IPv4
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(40 + data.length, 2);
  ip[8] = 64; // hops
  ip[9] = 6; // TCP
  const [source, target] = from === 'client' ? [10, 20] : [20, 10];
  ip.set([192, 0, 2, source], 12);
  ip.set([192, 0, 2, target], 16);
  ip.writeUInt16BE(checksum(ip), 10);
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(from === 'client' ? CLIENT_PORT : serverPort, 0);
  tcp.writeUInt16BE(from === 'client' ? serverPort : CLIENT_PORT, 2);
  tcp.writeUInt32BE(sequence, 4);
  tcp.writeUInt32BE(acknowledged, 8);
  tcp[12] = 0x50;
  tcp[13] = 0x18; // PSH, ACK
  tcp.writeUInt16BE(65_535, 14);
  return Buffer.concat([ethernet, ip, tcp, data]);
}

/** Of an IPv4 header (RFC 1071). */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

// Content detection and unpacking for blades; plugins import it as `weir/detect`.

export { fileSource, memorySource, spool, type ByteSource } from './byte-source.ts';
export { ChunkReader, type Chunks, type Section } from './chunk-reader.ts';
export { decodeContent, parseCodings, supportedCodings, type CodingOutcome } from './content-coding.ts';
export { detectType, HEAD_BYTES, type FileType, type FileTypeName } from './file-type.ts';
export {
  DEFAULT_BUDGET,
  Ledger,
  type StreamMeter,
  type Trouble,
  type TroubleKind,
  type UnpackBudget,
} from './ledger.ts';
export { type Member } from './member.ts';
export { multipartBoundary, multipartMembers } from './multipart.ts';
export { containerKind, isPlain, unpack, type ContainerKind } from './unpack.ts';
export { walk, type Content, type WalkOptions } from './walk.ts';

// The types of the API, from where the server declares them. Types alone: nothing of the server is bundled.

export type * from '../../../src/dashboard/api/types.ts';
export type { TracedExchange, TracedService, TracedStep } from '../../../src/trace/types.ts';

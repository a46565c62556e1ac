// The language of the console. English is the only one so far; another one is a file like en.ts and a choice
// made here.

import { en } from './en.ts';

export type Texts = typeof en;

export const texts: Texts = en;

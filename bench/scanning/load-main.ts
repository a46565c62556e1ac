// The load process: obeys one request of the bench at a time and answers it.
import { serveHelper } from '../host/helper.ts';
import { obey } from './load.ts';

serveHelper(obey);

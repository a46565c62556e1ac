// A Firefox without a window, driven by WebDriver BiDi over its WebSocket: pages are opened, scripts run in
// them, and the answers that the browser got are told. W3C WebDriver BiDi, https://w3c.github.io/webdriver-bidi/.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { requirePeer } from './peers/requirePeer.ts';

const START_LIMIT_MS = 30_000;
const COMMAND_LIMIT_MS = 20_000;

export interface FirefoxOptions {
  /** Folder that the browser takes for the user's home. */
  readonly home: string;
  /** Its profile, an existing folder; `user.js` in it holds the preferences. */
  readonly profile: string;
}

/** An answer that the browser got for a page or a part of one. */
export interface SeenResponse {
  readonly url: string;
  readonly status: number;
  /** As BiDi names it: `h2`, `http/1.1`. */
  readonly protocol: string;
}

export interface Firefox extends AsyncDisposable {
  /** Name and version, e.g. `firefox 140.3`. */
  readonly version: string;
  /** All answers so far. */
  readonly responses: readonly SeenResponse[];
  /**
   * Opens a page and waits for its `load` event.
   * @throws {Error} with the browser's words, when it shows an error page of its own
   */
  open(url: string): Promise<void>;
  /** Value of an expression in the page; a promise is awaited. Objects are to be made JSON texts. */
  evaluate(expression: string): Promise<unknown>;
}

/** Preferences for a browser that uses this proxy and calls nobody by itself. */
export function preferences(proxyPort: number): string {
  const values: Record<string, unknown> = {
    'network.proxy.type': 1,
    'network.proxy.http': '127.0.0.1',
    'network.proxy.http_port': proxyPort,
    'network.proxy.ssl': '127.0.0.1',
    'network.proxy.ssl_port': proxyPort,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'app.update.disabledForTesting': true,
    'app.normandy.enabled': false,
    'browser.safebrowsing.malware.enabled': false,
    'browser.safebrowsing.phishing.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'services.settings.server': 'data:,none',
  };
  const lines = Object.entries(values).map(
    ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
  );
  return `${lines.join('\n')}\n`;
}

/** Starts Firefox with one empty page. @throws {Error} when it does not listen in time, with what it printed */
export async function startFirefox({ home, profile }: FirefoxOptions): Promise<Firefox> {
  const args = [
    '--headless',
    '--no-remote',
    '--profile',
    profile,
    '--remote-debugging-port',
    '0',
    'about:blank',
  ];
  const browser = spawn(requirePeer('firefox'), args, {
    env: { PATH: process.env['PATH'], HOME: home, MOZ_CRASHREPORTER_DISABLE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const session = await Session.connect(`${await listening(browser)}/session`);
    const end = async (): Promise<void> => {
      session.close();
      await stop(browser);
    };
    try {
      return Object.assign(await onePage(session), { [Symbol.asyncDispose]: end });
    } catch (error) {
      session.close();
      throw error;
    }
  } catch (error) {
    await stop(browser);
    throw error;
  }
}

async function onePage(session: Session): Promise<Omit<Firefox, typeof Symbol.asyncDispose>> {
  const responses: SeenResponse[] = [];
  const { capabilities } = (await session.command('session.new', { capabilities: {} })) as {
    capabilities: { browserName: string; browserVersion: string };
  };
  session.onEvent = (method, params) => {
    if (method !== 'network.responseCompleted') return;
    const { url, status, protocol } = (params as { response: SeenResponse }).response;
    responses.push({ url, status, protocol });
  };
  await session.command('session.subscribe', { events: ['network.responseCompleted'] });
  const tree = (await session.command('browsingContext.getTree', {})) as { contexts: { context: string }[] };
  const { context } = tree.contexts[0]!;
  return {
    version: `${capabilities.browserName} ${capabilities.browserVersion}`,
    responses,
    async open(url) {
      await session.command('browsingContext.navigate', { context, url, wait: 'complete' });
    },
    async evaluate(expression) {
      const target = { context };
      const answer = await session.command('script.evaluate', { expression, target, awaitPromise: true });
      const { type, result, exceptionDetails } = answer as {
        type: string;
        result?: { value?: unknown };
        exceptionDetails?: { text: string };
      };
      if (type !== 'success') throw new Error(`${expression}: ${exceptionDetails?.text}`);
      return result?.value;
    },
  };
}

/** Resolves with the WebSocket's address, which Firefox prints. */
function listening(browser: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const fail = (what: string): void =>
      reject(new Error(`Firefox ${what}:\n${lines.slice(-20).join('\n')}`));
    const timer = setTimeout(() => fail('does not listen in time'), START_LIMIT_MS);
    createInterface({ input: browser.stderr! }).on('line', (line) => {
      lines.push(line);
      const match = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(line);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match[1]!);
    });
    browser.once('exit', (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
  });
}

async function stop(browser: ChildProcess): Promise<void> {
  if (browser.exitCode !== null || browser.signalCode !== null) return;
  const gone = once(browser, 'exit');
  browser.kill('SIGKILL'); // its profile goes, too
  await gone;
}

/** An answer to a command; an event has no number. */
interface Reply {
  readonly error?: string;
  readonly message?: string;
  readonly result?: unknown;
}

/** Commands and events on one WebSocket. */
class Session {
  onEvent: (method: string, params: unknown) => void = () => {};
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #last = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Reply & {
        id?: number;
        method?: string;
        params?: unknown;
      };
      if (typeof message.id === 'number') this.#waiting.get(message.id)?.(message);
      else if (message.method !== undefined) this.onEvent(message.method, message.params);
    });
    socket.on('close', () => this.#waiting.forEach((settle) => settle({ error: 'the browser has gone' })));
  }

  static async connect(url: string): Promise<Session> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, 'open');
    return new Session(socket);
  }

  async command(method: string, params: object): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle({ error: 'no answer in time' }), COMMAND_LIMIT_MS);
      const settle = (answer: Reply): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        const { error, message = '', result } = answer;
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error} ${message}`));
      };
      this.#waiting.set(id, settle);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installed } from './installed.ts';
import { freePort, root } from './programs.ts';

/** A program that can be killed, stopped and started again. */
export class Program implements AsyncDisposable {
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #env: Record<string, string>;
  readonly #ready: RegExp;
  #child: ChildProcess | undefined;
  /** All it has written so far, through all its lives. */
  output = '';

  constructor(command: string, args: readonly string[], env: Record<string, string>, ready: RegExp) {
    this.#command = command;
    this.#args = args;
    this.#env = env;
    this.#ready = ready;
  }

  /** Resolves when it has written that it is ready. */
  async start(): Promise<this> {
    const child = spawn(this.#command, this.#args, {
      cwd: root,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    await new Promise<void>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        output += chunk;
        this.output += chunk;
        if (this.#ready.test(output)) resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`${this.#command} ended and wrote only:\n${output}`)));
    });
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGCONT');
    await this.kill();
  }
}

export interface RedisServer extends Program {
  readonly url: string;
  readonly port: number;
}

/** A Redis that keeps nothing on disk. */
export async function startRedis(options: (port: number) => string[] = () => []): Promise<RedisServer> {
  const port = await freePort();
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...options(port)];
  const program = new Program(installed('redis-server'), args, {}, /Ready to accept connections/);
  return Object.assign(await program.start(), { url: `redis://127.0.0.1:${port}`, port });
}

export interface Replica extends Program {
  readonly origin: string;
}

/** The gateway, as `npm start` runs it. */
export async function startReplica(env: Record<string, string>): Promise<Replica> {
  const port = await freePort();
  const program = new Program(
    process.execPath,
    ['src/cli.ts'],
    { PORT: `${port}`, GATEWAY_ALLOW_ANONYMOUS: 'true', ...env },
    /"msg":"listening"/,
  );
  return Object.assign(await program.start(), { origin: `http://127.0.0.1:${port}` });
}

/**
 * nginx in front of these. It asks another replica where one is gone, also for a POST whose answer it waits for:
 * all that the gateway does is reading.
 */
export async function startBalancer(replicas: readonly Replica[]): Promise<Replica> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'balancer-'));
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid ${folder}/pid;
error_log stderr notice;
worker_processes 1;
events { worker_connections 10000; }
http {
  access_log off;
  ${kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
  upstream replicas {
    ${replicas.map(({ origin }) => `server ${new URL(origin).host};`).join(' ')}
    keepalive 1000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream error timeout non_idempotent;
    }
  }
}
`,
  );
  const program = new Program(
    installed('nginx'),
    ['-c', join(folder, 'nginx.conf'), '-p', folder],
    {},
    /start worker process /,
  );
  await program.start();
  return Object.assign(program, {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await program.kill('SIGTERM'); // which it hands on to its worker
      rmSync(folder, { recursive: true });
    },
  });
}

export interface Linq extends AsyncDisposable {
  readonly origin: string;
  /** When each call came, in milliseconds of `performance.now()`, and what it asked for. */
  readonly calls: { readonly at: number; readonly token: string; readonly key: string }[];
}

/** In the place of Linq: any message, whose text names the token that it was read with; chat 429 is rate limited. */
export async function startLinq(): Promise<Linq> {
  const calls: Linq['calls'] = [];
  const server = createServer((request, response) => {
    const [, chatId = '', id = ''] = /\/chats\/(\d+)\/chat_messages\/(\d+)$/.exec(request.url ?? '') ?? [];
    const token = `${request.headers['x-linq-integration-token']}`;
    calls.push({ at: performance.now(), token, key: `${chatId}/${id}` });
    if (chatId === '429') return void response.writeHead(429, { 'retry-after': '5' }).end();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ data: { id: Number(id), text: `${chatId}/${id} for ${token}` } }));
  });
  server.listen(0, '127.0.0.1', 4_096);
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

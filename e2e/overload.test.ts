import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Program, startProgram } from './support/programs.ts';

/** A container of 512 MB gives Node about half of it for its heap. */
const heapMb = 256;
/** Less than that container has. */
const maxResidentMb = 450;
const maxSilenceMs = 200;

const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));

const time = '2025-05-21T15:30:00.123-05:00';
const attachment = (index: number) => ({
  id: `abc12345-1234-5678-9abc-${String(index).padStart(12, '0')}`,
  url: 'https://storage.googleapis.com/linq-files/attachments/abc123.pdf',
  filename: 'document.pdf',
  mime_type: 'application/pdf',
  file_size: 12_345,
});
const reaction = (index: number) => ({
  id: index + 1,
  chat_message_id: 224,
  reaction: 'love',
  is_from_me: false,
  from_phone: '+15551234567',
  sent_at: time,
  created_at: time,
  updated_at: time,
});

/** By chat: chat 9 never responds; other messages, and all chats themselves, are forbidden. */
const chats: Record<string, { text: string; attachments: number; reactions: number }> = {
  2: { text: 'x'.repeat(4_000), attachments: 0, reactions: 0 },
  3: { text: 'Hello, how are you?', attachments: 5, reactions: 20 },
  4: { text: 'Hello, how are you?', attachments: 100, reactions: 200 },
};

async function startLinq(): Promise<Server> {
  const server = createServer(({ url = '' }, res) => {
    const [, chatId = '', id = ''] = /chats\/(\d+)\/chat_messages\/(\d+)$/.exec(url) ?? [];
    if (chatId === '9') return;
    const chat = chats[chatId];
    if (chat === undefined) {
      res.writeHead(403).end('{}');
      return;
    }
    const data = {
      ...{ id: Number(id), text: chat.text, sent_at: time, delivered_at: time, delivery_status: 'delivered' },
      ...{ edited_at: null, is_read: true, sent_from: '+15551234567', chat_handle_id: 123 },
      attachments: times(chat.attachments, attachment),
      reactions: times(chat.reactions, reaction),
    };
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

/**
 * In a thread of its own: requests /livez of each process every 20 ms. When it is told to stop it posts, for each, the longest
 * time without a response, of which its main thread computed and waited for a core, and the number of failures.
 */
const probe = `
const { readFileSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const { Agent, get } = require('node:http');
const agent = new Agent({ keepAlive: true });
const scheduled = (pid) => readFileSync('/proc/' + pid + '/task/' + pid + '/schedstat', 'utf8').split(' ').map((ns) => ns / 1e6);
const now = (pid) => [performance.now(), ...scheduled(pid)];
const all = workerData.map(({ url, pid }) => ({ url, pid, last: now(pid), longest: [0, 0, 0], failures: 0 }));
const respond = (one) => {
  const at = now(one.pid);
  const silence = [0, 1, 2].map((index) => at[index] - one.last[index]);
  if (silence[0] > one.longest[0]) one.longest = silence;
  one.last = at;
};
const timer = setInterval(() => all.forEach((one) => {
  get(one.url + '/livez', { agent }, (res) => {
    res.resume();
    if (res.statusCode !== 200) one.failures++;
    respond(one);
  }).on('error', () => one.failures++);
}), 20);
parentPort.once('message', () => {
  clearInterval(timer);
  all.forEach(respond);
  parentPort.postMessage(all.map(({ longest: [silence, computed, waited], failures }) => ({ silence, computed, waited, failures })));
});
`;

/** Times in milliseconds. */
interface Probed {
  readonly silence: number;
  readonly computed: number;
  readonly waited: number;
  readonly failures: number;
}

/** A process that does nothing else: its silence is what this machine, busy with the attack, costs any process. */
const idleServer = `require('node:http').createServer((_req, res) => res.end()).listen(0, '127.0.0.1', function () {
  console.log('http://127.0.0.1:' + this.address().port);
})`;

async function probed(programs: Program[], work: () => Promise<void>): Promise<Probed[]> {
  const thread = new Worker(probe, {
    eval: true,
    workerData: programs.map(({ url, process: { pid } }) => ({ url, pid })),
  });
  await once(thread, 'online');
  await work();
  thread.postMessage('stop');
  const [found] = await once(thread, 'message');
  await thread.terminate();
  return found;
}

let linq: Server;
let idle: Program;

beforeAll(async () => {
  linq = await startLinq();
  idle = await startProgram({ args: ['--eval', idleServer], ready: /(http:\S+)/ });
});

afterAll(async () => {
  await idle?.[Symbol.asyncDispose]();
  linq?.close();
  linq?.closeAllConnections();
});

const startGateway = () =>
  startProgram({
    args: [`--max-old-space-size=${heapMb}`, 'src/cli.ts'],
    env: { LINQ_API_URL: `http://127.0.0.1:${portOf(linq)}`, LINQ_INTEGRATION_TOKEN: 'token', LINQ_TIMEOUT_MS: '3000' },
    ready: /"url":"(http[^"]+)\/graphql"/,
  });

const post = (origin: string, query: string, variables: object = {}) =>
  fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });

/** The most memory that the process ever had, in MB. */
function peak({ process: { pid } }: Program): number {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1_024);
}

/** Attacks a gateway of its own, so that nothing of one attack is left for the next. Returns how long /livez was silent beyond the limit. */
async function attackOne(what: string, attack: (origin: string) => Promise<void>): Promise<number> {
  await using gateway = await startGateway();
  const [found, machine] = await probed([gateway, idle], () => attack(gateway.url));
  if (found === undefined || machine === undefined) throw new Error('not probed');
  const [silence, computed, waited, idleSilence] = [found.silence, found.computed, found.waited, machine.silence].map(
    Math.round,
  );
  const megabytes = peak(gateway);
  process.stdout.write(
    `${what}: /livez silent for ${silence} ms: ${computed} computing, ${waited} waiting for a core (an idle process: ${idleSilence} ms); peak ${megabytes} MB\n`,
  );
  expect(gateway.process.exitCode).toBe(null);
  expect(gateway.process.signalCode).toBe(null);
  expect(found.failures).toBe(0);
  expect(megabytes).toBeLessThan(maxResidentMb);
  // On a quiet machine there is nothing to subtract.
  return found.silence - found.waited - machine.silence - maxSilenceMs;
}

/** A gateway that is silent for too long gets a second chance: a virtual machine can be stopped for a while without seeing it. */
async function expectAlive(what: string, attack: (origin: string) => Promise<void>): Promise<void> {
  const beyond = await attackOne(what, attack);
  if (beyond > 0) expect(await attackOne(what, attack)).toBeLessThanOrEqual(0);
}

const aliases = (count: number) => times(count, (index) => `a${index}: text`).join(' ');
const allFields = `chatId id text sentAt deliveredAt deliveryStatus editedAt isRead sentFrom chatHandleId
  attachments { id url filename mimeType fileSize }
  reactions { id chatMessageId reaction isFromMe fromPhone sentAt createdAt updatedAt }`;

describe('the largest permitted operations get a complete response', () => {
  let gateway: Program;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway?.[Symbol.asyncDispose]());

  /** Interpreted at first, then on the fast path. */
  const expectWhole = async (query: string, variables: object, check: (data: Record<string, unknown>) => void) => {
    for (let turn = 0; turn < 3; turn++) {
      const response = await post(gateway.url, query, variables);
      const text = await response.text();
      const { data, errors } = JSON.parse(text);
      expect(errors).toBeUndefined();
      check(data);
      if (turn === 0) process.stdout.write(`${(text.length / 1e6).toFixed(2)} MB\n`);
    }
  };
  const byKeys = `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { ${allFields} } }`;

  it('100 distinct messages with 20 reactions and 5 attachments each', () =>
    expectWhole(byKeys, { keys: times(100, (index) => ({ chatId: '3', id: `${index + 1}` })) }, (data) =>
      expect(JSON.stringify(data).match(/"reaction":"love"/g)).toHaveLength(2_000),
    ));

  it('one message with 100 attachments and 200 reactions', () =>
    expectWhole(`{ chatMessage(chatId: 4, id: 1) { ${allFields} } }`, {}, (data) => {
      expect(JSON.stringify(data).match(/"reaction":"love"/g)).toHaveLength(200);
      expect(JSON.stringify(data).match(/"fileSize":12345/g)).toHaveLength(100);
    }));

  it('1,000 tickets about 100 messages', () =>
    expectWhole(byKeys, { keys: times(1_000, (index) => ({ chatId: '3', id: `${(index % 100) + 1}` })) }, (data) =>
      expect(JSON.stringify(data).match(/"reaction":"love"/g)).toHaveLength(20_000),
    ));
});

describe('under attack the gateway keeps running, responds in time and uses little memory', () => {
  it('with four operations at once that list one long message a thousand times under 199 aliases', async () => {
    const keys = times(1_000, () => ({ chatId: '2', id: '5' }));
    const representations = keys.map((key) => ({ __typename: 'ChatMessage', ...key }));
    const list = `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { ${aliases(199)} } }`;
    const directive = list.replace('a0: text', 'a0: text @include(if: true)');
    const entities = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on ChatMessage { ${aliases(199)} } } }`;
    await expectAlive('large responses', async (origin) => {
      for (let round = 0; round < 10; round++) {
        const responses = await Promise.all([
          ...times(2, () => post(origin, list, { keys })),
          post(origin, directive, { keys }),
          post(origin, entities, { r: representations }),
        ]);
        for (const response of responses) expect(await response.text()).toContain('OPERATION_TOO_COSTLY');
      }
    });
  });

  it('with four operations at once with the most errors possible, in documents of 40,000 lines', async () => {
    const lines = '\n'.repeat(40_000);
    const keys = times(10, (index) => ({ chatId: '3', id: `${index + 1}` }));
    const below = `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { ${times(190, (index) => `a${index}: chat { id }`).join(' ')} } }`;
    const forbidden = times(1_000, (index) => ({ chatId: '8', id: `${(index % 100) + 1}` }));
    const selectedOften = `query ($keys: [ChatMessageKey!]!) { ${'chatMessagesByKeys(keys: $keys) { id }'.repeat(50)} }`;
    const invalid = `{ chatMessage(chatId: 2, id: 5) { ${times(150, (index) => `unknown${index}`).join(' ')} } }`;
    await expectAlive('errors', async (origin) => {
      for (let round = 0; round < 10; round++) {
        const found = await Promise.all(
          [
            post(origin, lines + below, { keys }),
            post(origin, lines + below.replace('a0: chat', 'a0: chat @include(if: true)'), { keys }),
            post(origin, selectedOften, { keys: forbidden }),
            post(origin, lines + invalid),
          ].map(async (response) => (await (await response).json()) as { errors: readonly unknown[] }),
        );
        expect(found.map(({ errors }) => errors.length)).toEqual([1_900, 1_900, 1_000, 101]);
      }
    });
  });

  it('with eight operations at once whose lists of 50 messages are interpreted and wait for the same reads', async () => {
    const keys = times(50, (index) => ({ chatId: '2', id: `${index + 1}` }));
    const list = `query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { ${aliases(39)} } }`;
    const directive = list.replace('a0: text', 'a0: text @include(if: true)');
    await expectAlive('interpreted lists', async (origin) => {
      for (let round = 0; round < 3; round++) {
        const responses = times(8, async () => (await (await post(origin, directive, { keys })).text()).length);
        for (const length of await Promise.all(responses)) expect(length).toBeGreaterThan(7_800_000);
      }
    });
  });

  it('with many responses just below the limit that their clients do not read', async () => {
    const body = JSON.stringify({
      query: `{ ${times(9, (index) => `m${index}: chatMessage(chatId: 2, id: ${index + 1}) { ${aliases(20)} }`)} }`,
    });
    const request = `POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    await expectAlive('unread responses', async (origin) => {
      const sockets: Socket[] = [];
      for (let index = 0; index < 100; index++) {
        sockets.push(flood(origin, request.repeat(20)));
        await pause(30);
      }
      for (const socket of sockets) socket.destroy();
    });
  });

  it('with four connections of 60,000 pipelined requests each for one message that Linq never returns', async () => {
    const body = JSON.stringify({ query: '{ chatMessage(chatId: 9, id: 1) { id } }' });
    const request = `POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const requests = Buffer.from(request.repeat(60_000));
    await expectAlive('pipelined requests', async (origin) => {
      const sockets = times(4, () => flood(origin, requests));
      await pause(8_000);
      for (const socket of sockets) socket.destroy();
    });
  });
});

function flood(origin: string, requests: string | Buffer): Socket {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => {});
  socket.pause();
  socket.write(requests);
  return socket;
}

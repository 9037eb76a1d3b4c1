import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { Program, startLinq, startReplica } from './support/fleet.ts';
import { freePort, root } from './support/programs.ts';

const run = promisify(execFile);

/** nginx with the configuration of docs/proxies.md, apart from addresses and paths of this machine. */
async function startDocumentedNginx(gateway: string, port: number) {
  const [, documented = ''] = /```nginx\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs/proxies.md'), 'utf8')) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const certificate = ['-subj', '/CN=localhost', '-keyout', join(folder, 'key'), '-out', join(folder, 'certificate')];
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...certificate]);
  const server = documented
    .replace('127.0.0.1:4000', new URL(gateway).host)
    .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    .replace('/etc/ssl/gateway.example.com.pem', join(folder, 'certificate'))
    .replace('/etc/ssl/gateway.example.com.key', join(folder, 'key'));
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off; pid ${folder}/pid; error_log stderr notice; worker_processes 1;
events { worker_connections 100; }
http { access_log off; ${paths}
${server} }
`,
  );
  const program = new Program('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], {}, /start worker process /);
  return program.start();
}

it('serves compressed GraphQL through the nginx of docs/proxies.md, with one request id, and nothing else', async () => {
  await using linq = await startLinq();
  await using gateway = await startReplica({
    LINQ_API_URL: linq.origin,
    LINQ_INTEGRATION_TOKEN: 'token',
    GATEWAY_API_KEYS: 'key',
    GATEWAY_ALLOW_ANONYMOUS: 'false',
  });
  const port = await freePort();
  await using nginx = await startDocumentedNginx(gateway.origin, port);
  const curl = async (path: string, ...args: string[]) =>
    (await run('curl', ['-sk', '-i', `https://127.0.0.1:${port}${path}`, ...args])).stdout;
  const json = ['-H', 'content-type: application/json'];
  const query = JSON.stringify({ query: '{ a: chatMessage(chatId: 2, id: 1) { id } }' });
  const refused = await curl('/graphql', ...json, '-d', query);
  expect(refused).toMatch(/^HTTP\/1\.1 401 /);
  expect(refused).toMatch(/^x-request-id: [0-9a-f]{32}\r$/m); // that of nginx
  const authorized = [...json, '-H', 'authorization: Bearer key'];
  expect(await curl('/graphql', ...authorized, '-d', query)).toContain('"a":{"id":"1"}');
  const schema = JSON.stringify({ query: '{ _sdl }' });
  const compressed = await curl('/graphql', ...authorized, '--compressed', '-d', schema);
  expect(compressed).toMatch(/^content-encoding: (zstd|br|gzip)\r$/im);
  expect(compressed).toContain('type ChatMessage');
  for (const path of ['/metrics', '/livez', '/readyz']) expect(await curl(path)).toMatch(/^HTTP\/1\.1 404 /);
  expect(nginx.output).not.toMatch(/\[(warn|error|emerg)\]/);
});

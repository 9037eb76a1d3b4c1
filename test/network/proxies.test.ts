import { randomUUID } from 'node:crypto';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startForwardProxy } from '../support/forward-proxy.ts';
import { close, listen, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstream } from '../support/upstream.ts';

const credentials = 'user:hunter2';
const query = '{ chatMessage(chatId: 1, id: 7) { id } }';
const found = { data: { chatMessage: { id: '7' } } };

interface Certificate {
  readonly key: string;
  readonly cert: string;
}

async function createCertificate(
  altNames: ({ type: 2; value: string } | { type: 7; ip: string })[],
): Promise<Certificate> {
  const extensions = [
    { name: 'basicConstraints' as const, cA: true },
    { name: 'subjectAltName' as const, altNames },
  ];
  const pems = await generate([{ name: 'commonName', value: randomUUID() }], { keyType: 'ec', extensions });
  return { key: pems.private, cert: pems.cert };
}

let tls: Certificate;
let tlsOfProxy: Certificate;
const trusted = getCACertificates('default');
beforeAll(async () => {
  tls = await createCertificate([
    { type: 2, value: 'linq.test' },
    { type: 2, value: 'issuer.test' },
  ]);
  tlsOfProxy = await createCertificate([{ type: 7, ip: '127.0.0.1' }]);
  setDefaultCACertificates([...trusted, tls.cert, tlsOfProxy.cert]);
});
afterAll(() => setDefaultCACertificates(trusted));

/** An https server that has all names; returns every message and the keys of the issuer. */
async function startTlsServer(keys: object[] = []) {
  const servernames: unknown[] = [];
  const headers: object[] = [];
  const server = createTlsServer(tls, (request, response) => {
    headers.push(request.headers);
    const id = request.url?.split('/').at(-1);
    response.end(JSON.stringify(request.url === '/keys' ? { keys } : { data: { id: Number(id) } }));
  });
  server.on('secureConnection', (socket: TLSSocket) => servernames.push(socket.servername));
  return { origin: await listen(server), servernames, headers, [Symbol.asyncDispose]: () => close(server) };
}

async function failureOf(gateway: TestGateway): Promise<unknown> {
  const { errors } = await gateway.query(query);
  return errors?.[0]?.extensions['code'];
}

describe('Linq behind a proxy', () => {
  it('is reached over https through one tunnel, with TLS from end to end', async () => {
    await using linq = await startTlsServer();
    await using proxy = await startForwardProxy(linq.origin, { credentials });
    await using gateway = await startTestGateway({ LINQ_API_URL: 'https://linq.test', HTTPS_PROXY: proxy.url });
    for (let turn = 0; turn < 5; turn++) expect(await gateway.query(query)).toEqual(found);
    expect(proxy.requests).toEqual(['CONNECT linq.test:443']);
    expect(proxy.headers[0]).not.toHaveProperty('x-linq-integration-token');
    expect(linq.servernames).toEqual(['linq.test']);
    expect(linq.headers[0]).not.toHaveProperty('proxy-authorization');
  });

  it('is reached over http by requests that the proxy forwards', async () => {
    const hosts: unknown[] = [];
    await using linq = await startUpstream((response, request, id) => {
      hosts.push(request.headers.host);
      response.end(`{"data":{"id":${id}}}`);
    });
    await using proxy = await startForwardProxy(linq.origin, { credentials });
    await using gateway = await startTestGateway({ LINQ_API_URL: 'http://linq.test:8080', HTTP_PROXY: proxy.url });
    for (let turn = 0; turn < 2; turn++) expect(await gateway.query(query)).toEqual(found);
    expect(linq.paths).toHaveLength(2);
    expect(proxy.requests).toEqual(linq.paths.map((path) => `GET http://linq.test:8080${path}`));
    expect(hosts).toEqual(['linq.test:8080', 'linq.test:8080']);
  });

  it.each(['https', 'http'])('is reached over %s through a proxy that is itself reached over TLS', async (scheme) => {
    await using secure = await startTlsServer();
    await using plain = await startUpstream((response, _request, id) => response.end(`{"data":{"id":${id}}}`));
    const linq = scheme === 'https' ? secure : plain;
    await using proxy = await startForwardProxy(linq.origin, { credentials, tls: tlsOfProxy });
    await using gateway = await startTestGateway({
      LINQ_API_URL: `${scheme}://linq.test:444`,
      HTTPS_PROXY: proxy.url,
      HTTP_PROXY: proxy.url,
    });
    expect(await gateway.query(query)).toEqual(found);
    expect(proxy.requests).toEqual([expect.stringMatching(/^(CONNECT |GET http:\/\/)linq\.test:444/)]);
  });

  const schemes = ['https', 'http'];
  it.each(schemes.flatMap((scheme) => [407, 502, 503].map((status) => [scheme, status] as const)))(
    'is unavailable over %s while the proxy responds with %i; the log has this status and no password',
    async (scheme, status) => {
      let refusal: number | undefined = status;
      await using secure = await startTlsServer();
      await using plain = await startUpstream((response, _request, id) => response.end(`{"data":{"id":${id}}}`));
      const refuse = () => refusal;
      await using proxy = await startForwardProxy((scheme === 'https' ? secure : plain).origin, {
        credentials,
        refuse,
      });
      await using gateway = await startTestGateway({
        LINQ_API_URL: `${scheme}://linq.test`,
        HTTPS_PROXY: proxy.url,
        HTTP_PROXY: proxy.url,
      });
      const response = await gateway.query(query);
      expect(response.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
      const isProxys = scheme === 'https' || status === 407; // otherwise it may be that of Linq
      expect(gateway.log).toMatchObject([
        {
          msg: 'a read of Linq failed',
          fault: 'unavailable',
          ...(isProxys ? { reason: `PROXY_${status}` } : { status }),
        },
      ]);
      const written = JSON.stringify([response, gateway.log]);
      for (const secret of ['hunter2', Buffer.from(credentials).toString('base64')])
        expect(written).not.toContain(secret);
      refusal = undefined;
      expect(await gateway.query(query)).toEqual(found);
    },
  );

  it.each(['reset', 'closed', 'not HTTP'])('is unavailable while the connection to the proxy is %s', async (what) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      if (what === 'reset') socket.resetAndDestroy();
      else socket.end(what === 'closed' ? '' : 'SSH-2.0-OpenSSH\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const HTTPS_PROXY = `http://${credentials}@127.0.0.1:${port}`;
    await using gateway = await startTestGateway({ LINQ_API_URL: 'https://linq.test', HTTPS_PROXY });
    expect(await failureOf(gateway)).toBe('UPSTREAM_UNAVAILABLE');
    expect(JSON.stringify(gateway.log)).not.toContain('hunter2');
    server.close();
  });

  it('is reached without it if NO_PROXY names it', async () => {
    await using linq = await startUpstream((response, _request, id) => response.end(`{"data":{"id":${id}}}`));
    await using proxy = await startForwardProxy(linq.origin);
    const env = { LINQ_API_URL: linq.origin.replace('127.0.0.1', '0.0.0.0'), HTTP_PROXY: proxy.url };
    await using gateway = await startTestGateway({ ...env, NO_PROXY: '0.0.0.0' });
    expect(await gateway.query(query)).toEqual(found);
    expect(proxy.requests).toEqual([]);
    await using proxied = await startTestGateway(env);
    expect(await proxied.query(query)).toEqual(found);
    expect(proxy.requests).toHaveLength(1);
  });
});

describe('the keys of JWTs behind a proxy', () => {
  async function createKey() {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const token = await new SignJWT({ iss: 'issuer', aud: 'audience' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setExpirationTime('10m')
      .sign(privateKey);
    return { jwk: { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }, token };
  }
  const jwt = {
    GATEWAY_JWKS_URL: 'https://issuer.test/keys',
    GATEWAY_JWT_ISSUER: 'issuer',
    GATEWAY_JWT_AUDIENCE: 'audience',
  };

  it('are fetched through a tunnel', async () => {
    const { jwk, token } = await createKey();
    await using issuer = await startTlsServer([jwk]);
    await using proxy = await startForwardProxy(issuer.origin, { credentials });
    await using gateway = await startTestGateway({ ...jwt, https_proxy: proxy.url });
    const response = await gateway.query('{ __typename }', {}, { authorization: `Bearer ${token}` });
    expect(response).toEqual({ data: { __typename: 'Query' } });
    expect(proxy.requests).toEqual(['CONNECT issuer.test:443']);
    expect(issuer.servernames).toEqual(['issuer.test']);
  });

  it('cannot be fetched while the proxy refuses; the log has its status and no password', async () => {
    const { jwk, token } = await createKey();
    await using issuer = await startTlsServer([jwk]);
    await using proxy = await startForwardProxy(issuer.origin, { credentials, refuse: () => 502 });
    await using gateway = await startTestGateway({ ...jwt, HTTPS_PROXY: proxy.url });
    const response = await gateway.query('{ __typename }', {}, { authorization: `Bearer ${token}` });
    expect(response.errors?.[0]?.extensions).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    expect(gateway.log).toMatchObject([{ msg: expect.stringContaining('GATEWAY_JWKS_URL'), reason: 'PROXY_502' }]);
    expect(JSON.stringify([response, gateway.log])).not.toContain('hunter2');
  });
});

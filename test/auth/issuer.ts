import { createServer, type ServerResponse } from 'node:http';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { close, listen } from '../support/gateway.ts';

export interface Key {
  readonly sign: (claims?: Record<string, unknown>, header?: { kid?: string; typ?: string }) => Promise<string>;
  readonly jwk: object;
  readonly pem: string;
}

export const issuer = 'https://issuer.example/';
export const audience = 'linq-gateway';
export const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

export async function createKey(alg: 'ES256' | 'RS256', kid: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return {
    // A claim of undefined is left out.
    sign: (claims = {}, header = {}) =>
      new SignJWT({ iss: issuer, aud: audience, exp: inSeconds(600), ...claims })
        .setProtectedHeader({ alg, kid, ...header })
        .sign(privateKey),
    jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
    pem: await exportSPKI(publicKey),
  };
}

export interface Issuer extends AsyncDisposable {
  readonly env: Record<string, string>;
  /** What it publishes; may be replaced at any time. */
  publish(...keys: Key[]): void;
  answer(respond: (response: ServerResponse) => void): void;
  fetches: number;
}

/** Publishes keys as an issuer of JWTs does. */
export async function startIssuer(...keys: Key[]): Promise<Issuer> {
  let respond: (response: ServerResponse) => void = () => {};
  const server = createServer((_request, response) => {
    issuing.fetches++;
    respond(response);
  });
  const issuing: Issuer = {
    env: {
      GATEWAY_JWKS_URL: `${await listen(server)}/keys?secret=in-the-url`,
      GATEWAY_JWT_ISSUER: issuer,
      GATEWAY_JWT_AUDIENCE: audience,
    },
    fetches: 0,
    publish(...published) {
      const body = JSON.stringify({ keys: published.map(({ jwk }) => jwk) });
      respond = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    },
    answer(how) {
      respond = how;
    },
    [Symbol.asyncDispose]: () => close(server),
  };
  issuing.publish(...keys);
  return issuing;
}

import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { audience, createKey, inSeconds, issuer, type Key, startIssuer } from './issuer.ts';
import { bearer, example, post, query } from './requests.ts';

async function statusFor(gateway: TestGateway, credential: string): Promise<number> {
  return (await post(gateway, query, bearer(credential))).status;
}

/** Stops both clocks, that of the calendar and that of durations; the answer moves them on. Timers run as ever. */
function stopClocks(): (ms: number) => void {
  let now = performance.now();
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  return (ms) => {
    now += ms;
    vi.setSystemTime(Date.now() + ms);
  };
}

/** A JWT with any header at all, and any signature. */
function rawJwt(header: object, payload: object, signature: (input: string) => string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${signature(input)}`;
}

let es: Key;
let rs: Key;
let unpublished: Key;
beforeAll(async () => {
  [es, rs, unpublished] = await Promise.all([
    createKey('ES256', 'es-1'),
    createKey('RS256', 'rs-1'),
    createKey('ES256', 'es-9'),
  ]);
});

describe('JWTs', () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('are accepted when key, issuer, audience and times are right', async () => {
    await using keys = await startIssuer(es, rs);
    await using gateway = await startTestGateway(keys.env);
    for (const token of [
      await es.sign(),
      await rs.sign(),
      await es.sign({ aud: ['another', audience], sub: 'alice', nbf: inSeconds(-60), iat: inSeconds(-60) }),
      await es.sign({ exp: inSeconds(-10) }), // clocks may differ a little
      await es.sign({ nbf: inSeconds(10) }),
    ]) {
      for (let turn = 0; turn < 3; turn++) expect(await gateway.query(query, {}, bearer(token))).toEqual(example);
    }
    expect(keys.fetches).toBe(1);
  });

  const wrong: [what: string, token: () => string | Promise<string>][] = [
    ['that has expired', () => es.sign({ exp: inSeconds(-60) })],
    ['that is not valid yet', () => es.sign({ nbf: inSeconds(60) })],
    ['that never expires', () => es.sign({ exp: undefined })],
    ['of another issuer', () => es.sign({ iss: 'https://evil.example/' })],
    ['of an issuer that begins like ours', () => es.sign({ iss: `${issuer}evil` })],
    ['of no issuer', () => es.sign({ iss: undefined })],
    ['for another audience', () => es.sign({ aud: 'another' })],
    ['for no audience', () => es.sign({ aud: undefined })],
    ['signed by a key that is not published', () => unpublished.sign()],
    ['signed by a key that is not published, in the name of one that is', () => unpublished.sign({}, { kid: 'es-1' })],
    ['that names the key of another kind', () => es.sign({}, { kid: 'rs-1' })],
    ['whose payload was changed', async () => withPayload(await es.sign(), { sub: 'admin' })],
    ['whose signature was cut off', async () => (await es.sign()).replace(/[^.]*$/, '')],
    ['whose signature was changed', async () => (await es.sign()).replace(/.{8}$/, 'AAAAAAAA')],
    ['of algorithm none', () => rawJwt({ alg: 'none' }, rightClaims(), () => '')],
    ['of algorithm none, in other letters', () => rawJwt({ alg: 'nOnE', kid: 'es-1' }, rightClaims(), () => '')],
    ['signed with the public key as a secret, as PEM', () => signedWithPublicKey(rs, rs.pem)],
    ['signed with the public key as a secret, as JWK', () => signedWithPublicKey(rs, JSON.stringify(rs.jwk))],
    ['that brings its own key', () => unpublished.sign({}, { kid: 'es-9', jwk: unpublished.jwk } as object)],
    ['that says where its key is', () => unpublished.sign({}, { jku: 'https://evil.example/keys' } as object)],
    ['that is garbage', () => 'garbage'],
    ['of three parts of garbage', () => 'a.b.c'],
    ['of five parts, as an encrypted one has', () => 'a.b.c.d.e'],
    ['of nothing but dots', () => '..'],
    ['that is very long', () => es.sign({ padding: 'x'.repeat(9_000) })],
    ['whose payload is no object', () => rawJwt({ alg: 'ES256', kid: 'es-1' }, [], () => 'AAAA')],
    ['with a header that must be understood', () => es.sign({}, { crit: ['x'], x: 1 } as object).catch(() => 'a.b.c')],
  ];
  it.each(wrong)('refuse one %s', async (_what, token) => {
    await using keys = await startIssuer(es, rs);
    await using gateway = await startTestGateway(keys.env);
    const credential = await token();
    for (let turn = 0; turn < 3; turn++) {
      const answer = await post(gateway, query, bearer(credential));
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
      expect(JSON.parse(answer.body).errors[0].extensions).toEqual({
        code: 'UNAUTHENTICATED',
        retryable: false,
        requestId: 'abc',
      });
    }
    expect(gateway.calls).toEqual([]);
    expect(gateway.log).toEqual([]);
  });

  it('can be used together with API keys', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway({ ...keys.env, GATEWAY_API_KEYS: 'first-key' });
    expect(await statusFor(gateway, 'first-key')).toBe(200);
    expect(keys.fetches).toBe(0);
    expect(await statusFor(gateway, await es.sign())).toBe(200);
    expect(await statusFor(gateway, 'first-ke')).toBe(401);
  });

  it('are refused from the moment they expire, even if they were accepted before', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const token = await es.sign({ exp: inSeconds(10) });
    const travel = stopClocks();
    expect(await statusFor(gateway, token)).toBe(200);
    travel(35_000); // within the tolerance for clocks that differ
    expect(await statusFor(gateway, token)).toBe(200);
    travel(10_000);
    expect(await statusFor(gateway, token)).toBe(401);
  });

  it('with an unknown key cause the keys to be fetched again, at most twice a minute', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const travel = stopClocks();
    const next = await createKey('ES256', 'es-2');
    expect(await statusFor(gateway, await es.sign())).toBe(200);
    keys.publish(es, next);
    expect(await statusFor(gateway, await next.sign())).toBe(401); // too soon to look again
    expect(keys.fetches).toBe(1);
    travel(30_001);
    expect(await statusFor(gateway, await next.sign())).toBe(200);
    expect(await statusFor(gateway, await es.sign())).toBe(200);
    expect(keys.fetches).toBe(2);
    for (let turn = 0; turn < 20; turn++) {
      expect(await statusFor(gateway, await unpublished.sign({ turn }, { kid: `unknown-${turn}` }))).toBe(401);
    }
    expect(keys.fetches).toBe(2);
    travel(30_001);
    await Promise.all(
      Array.from({ length: 20 }, async (_, turn) =>
        expect(await statusFor(gateway, await unpublished.sign({ turn }, { kid: `other-${turn}` }))).toBe(401),
      ),
    );
    expect(keys.fetches).toBe(3);
  });

  it('stay trusted for half a minute once verified, and then no longer than their key', async () => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway(keys.env);
    const token = await es.sign();
    const travel = stopClocks();
    expect(await statusFor(gateway, token)).toBe(200);
    keys.publish(rs);
    travel(29_000);
    expect(await statusFor(gateway, token)).toBe(200);
    travel(31_001);
    expect(await statusFor(gateway, token)).toBe(401);
  });

  it('are refused within a minute of their key being withdrawn', async () => {
    await using keys = await startIssuer(es, rs);
    await using gateway = await startTestGateway(keys.env);
    const travel = stopClocks();
    expect(await statusFor(gateway, await rs.sign())).toBe(200);
    keys.publish(rs);
    travel(60_001);
    expect(await statusFor(gateway, await es.sign())).toBe(401);
  });

  const broken: [what: string, respond: (response: ServerResponse) => void, error: string][] = [
    ['cannot be reached', (response) => void response.socket?.resetAndDestroy(), 'TypeError'],
    ['are HTML', (response) => response.writeHead(200).end('<html>keys?</html>'), 'JOSEError'],
    ['are a list', (response) => response.writeHead(200).end('[]'), 'JWKSInvalid'],
    ['are an error', (response) => response.writeHead(500).end('{"keys":[]}'), 'JOSEError'],
    ['are elsewhere', (response) => response.writeHead(302, { location: '/x' }).end(), 'JOSEError'],
  ];
  it.each(broken)('are refused with 503 and logged once while the keys %s', async (_what, respond, error) => {
    await using keys = await startIssuer(es);
    await using gateway = await startTestGateway({ ...keys.env, GATEWAY_API_KEYS: 'first-key' });
    keys.answer(respond);
    const token = await es.sign();
    const answer = await post(gateway, query, bearer(token));
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toEqual({
      errors: [
        {
          message: expect.any(String),
          extensions: { code: 'UPSTREAM_UNAVAILABLE', retryable: true, requestId: 'abc' },
        },
      ],
    });
    expect(gateway.log).toMatchObject([
      { level: 50, requestId: 'abc', error, msg: expect.stringContaining('GATEWAY_JWKS_URL') },
    ]);
    const written = JSON.stringify([answer, gateway.log]);
    for (const secret of ['in-the-url', token, keys.env['GATEWAY_JWKS_URL'] ?? '']) {
      expect(written).not.toContain(secret);
    }
    expect(await statusFor(gateway, 'first-key')).toBe(200); // the others go on
    keys.publish(es);
    expect(await statusFor(gateway, token)).toBe(200); // as soon as the keys are there
    expect(gateway.log).toHaveLength(1);
  });

  it.each(['JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/jwt', 'application/at+jwt'])(
    'are accepted with typ %s',
    async (typ) => {
      await using keys = await startIssuer(es);
      await using gateway = await startTestGateway(keys.env);
      expect(await statusFor(gateway, await es.sign({}, { typ }))).toBe(200);
    },
  );

  it.each(['logout+jwt', 'secevent+jwt', 'application/logout+jwt', 'dpop+jwt', 'JWTs', 'text/jwt', ''])(
    'are refused with typ %o, without a fetch: they are no access tokens, though the issuer signed them',
    async (typ) => {
      await using keys = await startIssuer(es);
      await using gateway = await startTestGateway(keys.env);
      expect(await statusFor(gateway, await es.sign({}, { typ }))).toBe(401);
      expect(keys.fetches).toBe(0);
    },
  );

  describe('while the issuer fails', () => {
    const fail = (response: ServerResponse) => response.writeHead(500).end();

    it('are refused with 503, and the keys are fetched twice and then every ten seconds, however many JWTs arrive', async () => {
      await using keys = await startIssuer();
      await using gateway = await startTestGateway(keys.env);
      keys.answer(fail);
      const travel = stopClocks();
      const forged = async (turn: number) => unpublished.sign({ turn }, { kid: `unknown-${turn}` });
      const refuse = async (turn: number) => expect(await statusFor(gateway, await forged(turn))).toBe(503);
      for (let turn = 0; turn < 100; turn++) await refuse(turn);
      await Promise.all(Array.from({ length: 200 }, (_, turn) => refuse(100 + turn)));
      expect(keys.fetches).toBe(2);
      travel(10_001);
      await Promise.all(Array.from({ length: 20 }, (_, turn) => refuse(turn)));
      expect(keys.fetches).toBe(3);
      expect(gateway.log).toHaveLength(1);
    });

    it('are refused with 401 if they are malformed, without a fetch', async () => {
      await using keys = await startIssuer();
      await using gateway = await startTestGateway(keys.env);
      keys.answer(fail);
      for (const token of ['garbage', 'a.b.c', rawJwt({ alg: 'none' }, rightClaims(), () => '')]) {
        expect(await statusFor(gateway, token)).toBe(401);
      }
      expect(keys.fetches).toBe(0);
    });

    it('are checked with its last good keys until these are ten minutes old', async () => {
      await using keys = await startIssuer(es);
      await using gateway = await startTestGateway(keys.env);
      const travel = stopClocks();
      const anew = async (key: Key) => statusFor(gateway, await key.sign({ at: Date.now() })); // one that was not checked before
      expect(await anew(es)).toBe(200);
      keys.answer(fail);
      for (let minute = 1; minute < 10; minute++) {
        travel(60_000);
        expect([minute, await anew(es)]).toEqual([minute, 200]);
        expect(await statusFor(gateway, await unpublished.sign({ minute }, { kid: 'es-1' }))).toBe(401);
      }
      travel(59_000);
      const last = await es.sign({ last: true });
      expect(await statusFor(gateway, last)).toBe(200);
      travel(1_001);
      expect(await anew(es)).toBe(503);
      expect(await statusFor(gateway, last)).toBe(503); // also one that was found right a second ago
      keys.publish(es);
      travel(10_000);
      expect(await anew(es)).toBe(200);
      expect(gateway.log).toHaveLength(1); // for the whole outage
    });

    it('are refused with 503 if their key is not among its last good keys, and with 401 once the issuer works again', async () => {
      await using keys = await startIssuer(es);
      await using gateway = await startTestGateway(keys.env);
      const travel = stopClocks();
      expect(await statusFor(gateway, await es.sign())).toBe(200);
      keys.answer(fail);
      travel(30_001);
      expect(await statusFor(gateway, await unpublished.sign())).toBe(503);
      keys.publish(es);
      travel(30_001);
      expect(await statusFor(gateway, await unpublished.sign())).toBe(401);
    });

    it('wait for it once, and are then checked with its last good keys at once', async () => {
      await using keys = await startIssuer(es);
      await using gateway = await startTestGateway(keys.env);
      const travel = stopClocks();
      expect(await statusFor(gateway, await es.sign())).toBe(200);
      const deadlines: AbortController[] = [];
      vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
        const deadline = new AbortController();
        deadlines.push(deadline);
        return deadline.signal;
      });
      const asked = Promise.withResolvers<void>();
      keys.answer(() => asked.resolve()); // and never responds
      travel(30_001);
      const waiting = Promise.all([1, 2, 3].map(async (turn) => statusFor(gateway, await es.sign({ turn }))));
      await asked.promise;
      deadlines[0]?.abort(new DOMException('too late', 'TimeoutError'));
      expect(await waiting).toEqual([200, 200, 200]);
      expect(gateway.log).toMatchObject([{ error: 'JWKSTimeout' }]);
      for (let turn = 4; turn < 50; turn++) expect(await statusFor(gateway, await es.sign({ turn }))).toBe(200);
      expect(keys.fetches).toBe(3);
      deadlines[1]?.abort(); // so that the gateway can close
    });

    it('are refused within a minute of its return if it has withdrawn their key meanwhile', async () => {
      await using keys = await startIssuer(es, rs);
      await using gateway = await startTestGateway(keys.env);
      const travel = stopClocks();
      const token = await es.sign();
      expect(await statusFor(gateway, token)).toBe(200);
      keys.answer(fail);
      travel(120_000);
      expect(await statusFor(gateway, token)).toBe(200);
      keys.publish(rs);
      travel(29_999);
      expect(await statusFor(gateway, await es.sign({ turn: 2 }))).toBe(200); // it still counts as failing
      travel(30_001);
      expect(await statusFor(gateway, token)).toBe(401);
      expect(await statusFor(gateway, await es.sign({ turn: 2 }))).toBe(401);
    });
  });

  it.each([200, 500])(
    'are refused when the key set is larger than 1 MB, which is cut while it arrives, with status %i',
    async (status) => {
      await using keys = await startIssuer();
      await using gateway = await startTestGateway(keys.env);
      const cut = Promise.withResolvers<number>();
      keys.answer((response) => {
        const { socket } = response;
        socket?.once('close', () => cut.resolve(socket.bytesWritten));
        response.writeHead(status);
        const more = (): void => {
          while (!response.destroyed && response.write(' '.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      });
      expect(await statusFor(gateway, await es.sign())).toBe(503);
      expect(await cut.promise).toBeLessThan(16 * 1_048_576); // what fits the buffers of sockets, and then some
    },
  );

  it('are checked with a key set of 1 MB', async () => {
    await using keys = await startIssuer();
    await using gateway = await startTestGateway(keys.env);
    const body = JSON.stringify({ keys: [es.jwk] }).padEnd(1_048_576);
    keys.answer((response) => response.end(body));
    expect(await statusFor(gateway, await es.sign())).toBe(200);
  });
});

function rightClaims(): object {
  return { iss: issuer, aud: audience, exp: inSeconds(600) };
}

function withPayload(token: string, claims: object): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const changed = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), ...claims };
  return [header, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
}

function signedWithPublicKey(key: Key, secret: string): string {
  const { kid } = key.jwk as { kid: string };
  return rawJwt({ alg: 'HS256', kid }, rightClaims(), (input) =>
    createHmac('sha256', secret).update(input).digest('base64url'),
  );
}

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig, variables } from '../src/config.ts';

function faultsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

it('requires no variable', () => {
  expect(readConfig({})).toEqual({
    host: '127.0.0.1',
    port: 4000,
    linq: {
      origin: 'https://api.linqapp.com',
      token: undefined,
      timeoutMs: 10_000,
      maxConcurrency: 64,
      maxQueue: 1024,
      requestsPerSecond: undefined,
      maxResponseBytes: 4_194_304,
      connectionMaxAgeMs: 300_000,
      proxy: undefined,
      cacheTtlMs: 0,
    },
    redisUrl: undefined,
    allowAnonymous: false,
    callers: undefined,
    keepAliveMs: 75_000,
    webhookSecrets: [],
    corsOrigins: [],
    compression: true,
    graphiql: true,
    introspection: true,
    trustedDocuments: undefined,
    maxBodyBytes: 102_400,
    maxRequestsInFlight: 5_000,
    maxStreams: 1_000,
    maxStreamsPerCaller: 10,
    limits: {
      maxTokens: 4_000,
      maxDepth: 10,
      maxAliases: 200,
      maxDirectives: 50,
      maxReads: 100,
      maxResponseBytes: 8_388_608,
    },
    workers: 1,
    logLevel: 'info',
    formerNames: [],
    unknown: [],
  });
});

it('accepts a former name of a variable, and reports it', () => {
  const { limits, formerNames } = readConfig({ MAX_MESSAGES_PER_OPERATION: '7' });
  expect(limits.maxReads).toBe(7);
  expect(formerNames).toEqual([{ variable: 'MAX_MESSAGES_PER_OPERATION', newName: 'MAX_READS_PER_OPERATION' }]);
});

it('reports variables that begin like ours and are not known, with the nearest known one', () => {
  const env = { LINQ_TIMEOUT: '5', GATEWAY_API_KEY: 'k', linq_timeout_ms: '5', GATEWAY_CREDENTIAL: 'k', PATH: '/' };
  expect(readConfig(env).unknown).toEqual([
    { variable: 'LINQ_TIMEOUT', nearest: 'LINQ_TIMEOUT_MS' },
    { variable: 'GATEWAY_API_KEY', nearest: 'GATEWAY_API_KEYS' },
  ]);
});

it('does not report the variables that Kubernetes sets for a service whose name begins like ours', () => {
  const service = {
    LINQ_GRAPHQL_GATEWAY_SERVICE_HOST: '10.0.0.1',
    LINQ_GRAPHQL_GATEWAY_SERVICE_PORT: '4000',
    LINQ_GRAPHQL_GATEWAY_SERVICE_PORT_HTTP: '4000',
    LINQ_GRAPHQL_GATEWAY_PORT: 'tcp://10.0.0.1:4000',
    LINQ_GRAPHQL_GATEWAY_PORT_4000_TCP: 'tcp://10.0.0.1:4000',
    LINQ_GRAPHQL_GATEWAY_PORT_4000_TCP_ADDR: '10.0.0.1',
  };
  expect(readConfig(service).unknown).toEqual([]);
  expect(readConfig({ LINQ_PORT: '4000' }).unknown).toMatchObject([{ variable: 'LINQ_PORT' }]);
});

it('refuses a variable together with its former name', () => {
  expect(faultsOf({ MAX_MESSAGES_PER_OPERATION: '7', MAX_READS_PER_OPERATION: '7' })).toEqual([
    'MAX_READS_PER_OPERATION must be set without MAX_MESSAGES_PER_OPERATION, its former name, got both',
  ]);
});

it('treats an empty variable as unset', () => {
  expect(readConfig({ PORT: '', LINQ_INTEGRATION_TOKEN: '', GRAPHIQL: '' })).toEqual(readConfig({}));
});

it('reports all faults together, one per line, with the variable, what it must be and its value', () => {
  expect(
    faultsOf({
      PORT: 'http',
      LINQ_API_URL: 'nope',
      LINQ_TIMEOUT_MS: '0',
      LINQ_MAX_CONCURRENCY: '-1',
      LINQ_MAX_QUEUE: 'many',
      LINQ_REQUESTS_PER_SECOND: '0',
      LINQ_MAX_RESPONSE_BYTES: '1.5',
      GATEWAY_ALLOW_ANONYMOUS: 'yes',
      GRAPHIQL: '1',
      MAX_BODY_BYTES: '99999999999999999999',
      LOG_LEVEL: 'loud',
    }),
  ).toEqual([
    'PORT must be a whole number from 0 to 65535, got "http"',
    'LINQ_API_URL must be the origin of an HTTP server, such as https://api.linqapp.com, got "nope"',
    'LINQ_TIMEOUT_MS must be a whole number from 1 to 2147483647, got "0"',
    'LINQ_MAX_CONCURRENCY must be a whole number from 1 to 65535, got "-1"',
    'LINQ_MAX_QUEUE must be a whole number from 0 to 1000000, got "many"',
    'LINQ_REQUESTS_PER_SECOND must be a number above 0 and below 1000000, with up to three decimals, got "0"',
    'LINQ_MAX_RESPONSE_BYTES must be a whole number from 1 to 536870888, got "1.5"',
    'GATEWAY_ALLOW_ANONYMOUS must be true or false, got "yes"',
    'GRAPHIQL must be true or false, got "1"',
    'MAX_BODY_BYTES must be a whole number from 1 to 536870888, got "99999999999999999999"',
    'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, got "loud"',
  ]);
});

it('holds each fault as an object, without the value of a secret', () => {
  const env = {
    PORT: 'http',
    LINQ_INTEGRATION_TOKEN: 'hunter2 ',
    HOST: '0.0.0.0',
    GATEWAY_JWT_ISSUER: 'https://issuer',
  };
  expect(() => readConfig(env)).toThrow(
    expect.objectContaining({
      faults: [
        { name: 'PORT', wanted: 'a whole number from 0 to 65535', got: '"http"' },
        {
          name: 'LINQ_INTEGRATION_TOKEN',
          wanted: 'visible ASCII characters without spaces',
          got: 'a value with others in it',
        },
        {
          name: 'GATEWAY_JWKS_URL',
          wanted: 'set together with GATEWAY_JWT_ISSUER and GATEWAY_JWT_AUDIENCE',
          got: 'nothing',
        },
        {
          name: 'GATEWAY_JWT_AUDIENCE',
          wanted: 'set together with GATEWAY_JWKS_URL and GATEWAY_JWT_ISSUER',
          got: 'nothing',
        },
        {
          name: 'HOST',
          wanted: 'a loopback address',
          got: '"0.0.0.0"',
          reason: expect.stringContaining('LINQ_INTEGRATION_TOKEN'),
        },
      ],
    }),
  );
});

it.each([
  'ftp://api.linqapp.com',
  'https://api.linqapp.com/v2',
  'https://api.linqapp.com?x=1',
  'api.linqapp.com',
  'https://',
])('refuses %s as the origin of Linq', (url) => {
  expect(faultsOf({ LINQ_API_URL: url })).toHaveLength(1);
});

it.each([
  'https://api.linqapp.com',
  'https://api.linqapp.com/',
  'https://API.linqapp.com:443',
  'http://127.0.0.1:8080',
])('accepts %s as the origin of Linq', (url) => {
  expect(readConfig({ LINQ_API_URL: url }).linq.origin).toBe(new URL(url).origin);
});

it('never prints a secret', () => {
  for (const LINQ_API_URL of [
    'https://user:hunter2@api.linqapp.com',
    'https://user:hunter2@api.linqapp.com:99999',
    'https://user:hunter2@api linqapp.com',
    'https://api.linqapp.com/?token=hunter2',
    'https://api.linqapp.com/#hunter2',
  ]) {
    const faults = faultsOf({ LINQ_INTEGRATION_TOKEN: 'hunter2 \n', LINQ_API_URL });
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toContain('hunter2');
  }
});

describe('with a token of its own', () => {
  const token = { LINQ_INTEGRATION_TOKEN: 'secret' };

  it.each(['0.0.0.0', '::', '10.0.0.1', 'gateway.example.com', '127.0.0.1.example.com'])(
    'refuses to listen on %s',
    (HOST) => {
      expect(faultsOf({ ...token, HOST })[0]).toMatch(/^HOST must be a loopback address/);
      expect(faultsOf({ ...token, HOST, GATEWAY_ALLOW_ANONYMOUS: 'true' })).toEqual([]);
      expect(faultsOf({ HOST })).toEqual([]);
    },
  );

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('listens on %s', (HOST) => {
    expect(faultsOf({ ...token, HOST })).toEqual([]);
  });
});

it('does not report the host when the only problem is a malformed API key', () => {
  const env = { LINQ_INTEGRATION_TOKEN: 'secret', HOST: '0.0.0.0', GATEWAY_API_KEYS: 'a key' };
  expect(faultsOf(env)).toEqual([expect.stringMatching(/^GATEWAY_API_KEYS /)]);
});

describe('callers', () => {
  const jwt = {
    GATEWAY_JWKS_URL: 'https://issuer.example/keys?tenant=1',
    GATEWAY_JWT_ISSUER: 'https://issuer.example/',
    GATEWAY_JWT_AUDIENCE: 'gateway',
  };

  it('are bearers of keys, which may have spaces between them', () => {
    expect(readConfig({ GATEWAY_API_KEYS: 'a, b=c ,/d+' }).callers).toEqual({
      apiKeys: ['a', 'b=c', '/d+'],
      jwt: undefined,
    });
  });

  it.each([',', 'good,', ',good', 'good,,good2', 'hunter2 hunter3', 'hunter2\nhunter3', 'hünter2', ' '])(
    'refuses the keys %j, without showing them',
    (GATEWAY_API_KEYS) => {
      const faults = faultsOf({ GATEWAY_API_KEYS });
      expect(faults).toEqual([expect.stringMatching(/^GATEWAY_API_KEYS must be keys of visible ASCII characters/)]);
      expect(faults.join()).not.toMatch(/h[uü]nter|good/);
    },
  );

  it.each([',', 'good,', 'good,,good2', 'hunter2 hunter3', 'hünter2'])(
    'refuses the secrets of webhooks %j, without showing them',
    (LINQ_WEBHOOK_SECRETS) => {
      const faults = faultsOf({ LINQ_WEBHOOK_SECRETS });
      expect(faults).toEqual([
        expect.stringMatching(/^LINQ_WEBHOOK_SECRETS must be secrets of visible ASCII characters/),
      ]);
      expect(faults.join()).not.toMatch(/h[uü]nter|good/);
    },
  );

  it('are bearers of JWTs, where all three variables are set', () => {
    expect(readConfig(jwt).callers).toEqual({
      apiKeys: [],
      jwt: { jwksUrl: jwt.GATEWAY_JWKS_URL, issuer: jwt.GATEWAY_JWT_ISSUER, audience: jwt.GATEWAY_JWT_AUDIENCE },
    });
    for (const [left] of Object.entries(jwt)) {
      expect(faultsOf({ ...jwt, [left]: '' })).toEqual([
        expect.stringMatching(
          new RegExp(`^${left} must be set together with GATEWAY_\\w+ and GATEWAY_\\w+, got nothing$`),
        ),
      ]);
      expect(faultsOf({ [left]: jwt[left as keyof typeof jwt] })).toHaveLength(2);
    }
  });

  it.each([
    'http://issuer.example/keys',
    'http://127.0.0.1.evil.example/',
    'ftp://issuer.example',
    'file:///keys',
    'keys?t=hunter2',
  ])('refuses to fetch keys from %s, where others could change them on the way', (GATEWAY_JWKS_URL) => {
    expect(faultsOf({ ...jwt, GATEWAY_JWKS_URL })).toEqual([
      'GATEWAY_JWKS_URL must be an https URL without credentials, got something else',
    ]);
  });

  it.each(['https://issuer.example/', 'http://127.0.0.1:8080/keys', 'http://localhost/keys'])(
    'fetches keys from %s',
    (GATEWAY_JWKS_URL) => {
      expect(readConfig({ ...jwt, GATEWAY_JWKS_URL }).callers?.jwt?.jwksUrl).toBe(GATEWAY_JWKS_URL);
    },
  );

  // fetch takes no URL with credentials: such a gateway starts, and answers every JWT with 503.
  it('refuses to fetch keys from a URL with credentials', () => {
    expect(faultsOf({ ...jwt, GATEWAY_JWKS_URL: 'https://user:hunter2@issuer.example/' })).toHaveLength(1);
  });

  it.each([{ GATEWAY_API_KEYS: 'key' }, jwt])('accept requests on any address with %o', (env) => {
    expect(faultsOf({ ...env, LINQ_INTEGRATION_TOKEN: 'secret', HOST: '0.0.0.0' })).toEqual([]);
  });
});

it.each([
  '*',
  'null',
  'app.example',
  'https://app.example/',
  'https://app.example/path',
  'https://APP.example',
  'https://app.example:443',
  'https://user@app.example',
  'file://',
  'chrome-extension://abc',
  'https://app.example,',
])('refuses %s as an origin whose pages may read responses: a browser would never send it', (CORS_ORIGINS) => {
  expect(faultsOf({ CORS_ORIGINS })).toEqual([expect.stringMatching(/^CORS_ORIGINS must be origins such as /)]);
});

// isOrigin: URL takes * for a letter of a name like any other. It matches no page, so nothing is open that should not be.
it('refuses an origin with a wildcard in it', () => {
  expect(faultsOf({ CORS_ORIGINS: 'https://*.app.example' })).toHaveLength(1);
});

it('accepts origins as browsers send them', () => {
  const origins = [
    'https://app.example',
    'http://localhost:3000',
    'https://xn--bcher-kva.example',
    'http://[::1]:8080',
  ];
  expect(readConfig({ CORS_ORIGINS: origins.join(' , ') }).corsOrigins).toEqual(origins);
});

it.each([
  ['MAX_TOKENS', '0', '1000001'],
  ['MAX_DEPTH', '0', '1001'],
  ['MAX_ALIASES', '-1', '1000001'],
  ['MAX_DIRECTIVES', '1.5', '1000001'],
  ['MAX_READS_PER_OPERATION', '0', '1000001'],
  ['MAX_MESSAGES_PER_OPERATION', '0', '1000001'],
  ['MAX_BODY_BYTES', '0', '536870889'],
  ['LINQ_CACHE_TTL_MS', '-1', '86400001'],
  ['WORKERS', '0', '1025'],
])('refuses %s of %s and of %s', (name, ...values) => {
  for (const value of [...values, 'Infinity', '0x10', '1e3', ' 1']) {
    expect(faultsOf({ [name]: value })).toEqual([expect.stringContaining(`${name} must be `)]);
  }
});

describe('REDIS_URL', () => {
  it.each([
    'redis://localhost',
    'redis://localhost:6379/0',
    'rediss://redis.example:6380/15',
    'redis://:p%40ss@10.0.0.1/',
    'redis://user:secret@[::1]:6379',
  ])('may be %s', (REDIS_URL) => {
    expect(readConfig({ REDIS_URL }).redisUrl).toBe(REDIS_URL);
  });

  it.each([
    'localhost:6379',
    'http://localhost:6379',
    'redis:hunter2',
    'redis://',
    'redis:///0',
    'redis://user:hunter2@',
    'redis://user:hunter2@localhost:99999',
    'redis://user:hunter%2@localhost',
    'redis://user:hunter%ff@localhost',
    'redis://localhost/zero?password=hunter2',
    'redis://localhost/0/1',
    'redis://localhost/0#hunter2',
  ])('may not be %s, and is not shown', (REDIS_URL) => {
    expect(faultsOf({ REDIS_URL })).toEqual([
      'REDIS_URL must be a URL such as redis://user:password@host:6379/0, or rediss:// for TLS, got something else',
    ]);
  });
});

describe('a proxy', () => {
  const proxied = (env: Record<string, string>) => readConfig(env).linq.proxy;

  it.each([
    ['https://api.linqapp.com', 'http://secure:1/'],
    ['http://linq.test', 'http://plain:2/'],
    ['https://linq.test:8443', 'http://secure:1/'],
  ])('is the one for the scheme of %s', (LINQ_API_URL, proxy) => {
    expect(proxied({ LINQ_API_URL, HTTPS_PROXY: 'http://secure:1', HTTP_PROXY: 'http://plain:2' })).toBe(proxy);
    expect(proxied({ LINQ_API_URL, https_proxy: 'http://secure:1', http_proxy: 'http://plain:2' })).toBe(proxy);
  });

  it('is for the keys of JWTs too, each by its own host', () => {
    const jwt = {
      GATEWAY_JWKS_URL: 'https://issuer.test/keys',
      GATEWAY_JWT_ISSUER: 'issuer',
      GATEWAY_JWT_AUDIENCE: 'audience',
      HTTPS_PROXY: 'http://proxy',
    };
    expect(readConfig(jwt).callers?.jwt?.proxy).toBe('http://proxy/');
    expect(readConfig({ ...jwt, NO_PROXY: 'api.linqapp.com' }).callers?.jwt?.proxy).toBe('http://proxy/');
    expect(readConfig({ ...jwt, NO_PROXY: 'api.linqapp.com' }).linq.proxy).toBeUndefined();
    expect(readConfig({ ...jwt, NO_PROXY: 'issuer.test' }).callers?.jwt?.proxy).toBeUndefined();
  });

  it('in lower case has precedence over one in capitals, and an empty one is unset', () => {
    expect(proxied({ https_proxy: 'http://lower', HTTPS_PROXY: 'http://upper' })).toBe('http://lower/');
    expect(proxied({ https_proxy: '', HTTPS_PROXY: 'http://upper' })).toBe('http://upper/');
    expect(proxied({ https_proxy: 'http://lower', no_proxy: '*', NO_PROXY: 'other' })).toBeUndefined();
  });

  it.each(['127.0.0.1', '127.8.9.10', 'localhost', 'linq.localhost', '[::1]'])('is never used for %s', (host) => {
    expect(proxied({ LINQ_API_URL: `http://${host}:9000`, HTTP_PROXY: 'http://proxy' })).toBeUndefined();
  });

  const origin = 'https://api.linqapp.com';
  it.each([
    [origin, '*'],
    [origin, 'other, *'],
    [origin, 'API.linqapp.com'],
    [origin, 'api.linqapp.com.'],
    [origin, 'other api.linqapp.com'],
    [origin, 'linqapp.com'],
    [origin, '.linqapp.com'],
    [origin, '*.linqapp.com'],
    [origin, 'api.linqapp.com:443'],
    ['https://api.linqapp.com:8443', 'linqapp.com:8443'],
    ['https://api.linqapp.com:8443', '*:8443'],
    ['https://10.1.2.3', '10.1.2.3'],
    ['https://[fd00::1]', '[fd00::1]'],
    ['https://[fd00::1]', 'fd00::1'],
    ['https://[fd00::1]', '[fd00::1]:443'],
  ])('is not used for %s with NO_PROXY=%s', (LINQ_API_URL, NO_PROXY) => {
    expect(proxied({ LINQ_API_URL, NO_PROXY, HTTPS_PROXY: 'http://proxy' })).toBeUndefined();
  });

  it.each([
    [origin, ''],
    [origin, ','],
    [origin, 'inqapp.com'],
    [origin, 'www.api.linqapp.com'],
    [origin, '*.api.linqapp.com'],
    [origin, 'api.linqapp.com:80'],
    [origin, '*:80'],
    [origin, 'api.linqapp.com.evil'],
    ['https://[fd00::1]', 'fd00::2'],
  ])('is used for %s with NO_PROXY=%s', (LINQ_API_URL, NO_PROXY) => {
    expect(proxied({ LINQ_API_URL, NO_PROXY, HTTPS_PROXY: 'http://proxy' })).toBe('http://proxy/');
  });

  it.each([
    ['proxy:3128', 'http://proxy:3128/'],
    ['http://proxy', 'http://proxy/'],
    ['https://proxy:8443/', 'https://proxy:8443/'],
    ['http://user:p%40ss@proxy:3128', 'http://user:p%40ss@proxy:3128/'],
    ['user:pass@proxy:3128', 'http://user:pass@proxy:3128/'],
    ['http://[::1]:3128', 'http://[::1]:3128/'],
  ])('may be %s', (HTTPS_PROXY, proxy) => {
    expect(proxied({ HTTPS_PROXY })).toBe(proxy);
  });

  it.each([
    'socks5://user:hunter2@proxy',
    'http://',
    'http://user:hunter2@',
    'http://user:12#hunter2@proxy:3128',
    'http://user:hunter2@proxy:99999',
    'http://user:hunter%2@proxy',
    'http://proxy/path?password=hunter2',
    'http://proxy/hunter2',
    'http//user:hunter2@proxy',
  ])('may not be %s, and is not shown', (url) => {
    const fault =
      'must be the URL of an HTTP proxy, such as http://user:password@proxy.example.com:3128, got something else';
    expect(faultsOf({ HTTPS_PROXY: url })).toEqual([`HTTPS_PROXY ${fault}`]);
    expect(faultsOf({ http_proxy: url })).toEqual([`http_proxy ${fault}`]);
  });
});

describe('docs/configuration.md', () => {
  interface Row {
    readonly name: string;
    readonly fallback: unknown;
    readonly wanted: string;
  }
  const isRow = (entry: object): entry is Row => 'wanted' in entry;
  const rowsOf = (table: object): Row[] =>
    Object.values(table).flatMap((entry: object) => (isRow(entry) ? [entry] : rowsOf(entry)));

  const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| `([A-Z_]+)` \| (`[^|]+`|unset) \| ([^|]+) \| [^|]+ \|$/gm)].map(
    ([, name = '', fallback = '', values = '']) => ({ name, fallback: fallback.replaceAll('`', ''), values }),
  );
  const rows = rowsOf(variables).map((row) => ({
    ...row,
    values: listed.find(({ name }) => name === row.name)?.values,
  }));

  it('lists the variables that are read, and no others', () => {
    const read = new Set<string | symbol>();
    readConfig(new Proxy({}, { get: (_env, name) => void read.add(name) }));
    for (const name of ['https_proxy', 'http_proxy', 'no_proxy']) expect(read.delete(name)).toBe(true); // the same as in capitals
    expect(listed.map(({ name }) => name).toSorted()).toEqual([...read].toSorted());
  });

  it('has the default of each variable', () => {
    const former = { name: 'MAX_MESSAGES_PER_OPERATION', fallback: undefined };
    for (const { name, fallback } of [...rows, former]) {
      expect(listed.find((row) => row.name === name)?.fallback, name).toBe(String(fallback ?? '') || 'unset');
    }
  });

  it('has the bounds of each number, and the values of each variable that has only a few', () => {
    const numbers = rows.filter(({ wanted }) => /\ba (whole )?number\b/.test(wanted));
    expect(numbers.length).toBeGreaterThan(15);
    for (const { name, wanted, values } of numbers) expect(values?.match(/\d+/g), name).toEqual(wanted.match(/\d+/g));

    const words = rows.filter(({ wanted }) => /^one of|^true or/.test(wanted));
    expect(words.length).toBeGreaterThan(3);
    for (const { name, wanted, values } of words) {
      expect(values?.replaceAll('`', '').split(', '), name).toEqual(wanted.replace('one of ', '').split(/, | or /));
    }
  });

  it('shows how invalid values are reported', () => {
    const [, command = '', lines = ''] = /```sh\n(.*) npm start\n```\n\n```text\n([\s\S]*?)\n```/.exec(page) ?? [];
    const given = [...command.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g)].map(([, name, quoted, plain]) => [
      name,
      quoted ?? plain,
    ]);
    expect(given.length).toBeGreaterThan(2);
    expect(faultsOf(Object.fromEntries(given))).toEqual(lines.split('\n'));
  });
});

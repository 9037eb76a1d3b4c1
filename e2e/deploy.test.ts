import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DockerfileParser } from 'dockerfile-ast';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { root, startGateway, startProgram } from './support/programs.ts';

const run = promisify(execFile);
const closed = { LINQ_INTEGRATION_TOKEN: 'secret', GATEWAY_API_KEYS: 'key', HOST: '0.0.0.0' };

describe('the Kubernetes manifests', () => {
  // biome-ignore-start lint/suspicious/noExplicitAny: whatever YAML holds; whether it fits is what is tested
  let manifests: any[];
  let kustomization: any;
  const the = (kind: string) => manifests.find((manifest) => manifest.kind === kind);
  // biome-ignore-end lint/suspicious/noExplicitAny: up to here

  beforeAll(async () => {
    const read = async (name: string) => parse(await readFile(join(root, 'deploy/kubernetes', name), 'utf8'));
    kustomization = await read('kustomization.yaml');
    manifests = await Promise.all(kustomization.resources.map(read));
  });

  it('conform to the schemas of Kubernetes, without unknown fields', async () => {
    // The compiler refuses unknown fields, `validate` wrong values.
    const source = manifests.map(
      (manifest, index) => `
        import { ${manifest.kind} as Model${index}, type I${manifest.kind} as Shape${index} } from 'kubernetes-models/${manifest.apiVersion}';
        const manifest${index} = ${JSON.stringify(manifest)} satisfies Shape${index};
        new Model${index}(manifest${index}).validate();`,
    );
    const file = join(root, 'e2e', `manifests.${process.pid}.ts`); // from here it finds the schemas
    await writeFile(file, source.join('\n'));
    try {
      const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--skipLibCheck'];
      await run(process.execPath, ['node_modules/typescript/bin/tsc', '--ignoreConfig', ...options, file], {
        cwd: root,
      });
      await run(process.execPath, [file]);
    } finally {
      await rm(file);
    }
  });

  it('select only the pods of the Deployment', () => {
    const { labels } = the('Deployment').spec.template.metadata;
    expect(Object.keys(labels)).toHaveLength(1);
    expect(the('Deployment').spec.selector.matchLabels).toEqual(labels);
    expect(the('Service').spec.selector).toEqual(labels);
    expect(the('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
    expect(the('NetworkPolicy').spec.podSelector.matchLabels).toEqual(labels);
    expect(the('HorizontalPodAutoscaler').spec.scaleTargetRef.name).toBe(the('Deployment').metadata.name);
  });

  it('run every container without root, with a read-only file system and without capabilities', () => {
    const { securityContext, containers, automountServiceAccountToken } = the('Deployment').spec.template.spec;
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(automountServiceAccountToken).toBe(false);
    for (const container of containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('probe paths and a port that the gateway serves, and set only variables that it reads', async () => {
    const [container] = the('Deployment').spec.template.spec.containers;
    const { literals } = kustomization.configMapGenerator[0];
    const env = Object.fromEntries(literals.map((literal: string) => literal.split(/=(.*)/)));
    await using gateway = await startGateway({ ...closed, HOST: '127.0.0.1', ...env });
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      const { path, port } = container[probe].httpGet;
      expect(port).toBe(container.ports[0].name);
      expect((await fetch(new URL(path, gateway.url))).status, path).toBe(200);
    }
    const instructions = await dockerfile();
    expect(instructions).toContain(`EXPOSE ${container.ports[0].containerPort}`);
  });

  it('give the gateway more time to stop than it needs', async () => {
    const { terminationGracePeriodSeconds } = the('Deployment').spec.template.spec;
    const server = await readFile(join(root, 'src/server.ts'), 'utf8');
    const [, graceMs = ''] = /const graceMs = ([\d_]+);/.exec(server) ?? [];
    expect(terminationGracePeriodSeconds).toBeGreaterThan(Number(graceMs.replaceAll('_', '')) / 1_000 + 10);
  });
});

/** Each instruction on one line. */
async function dockerfile(): Promise<string[]> {
  return DockerfileParser.parse(await readFile(join(root, 'Dockerfile'), 'utf8'))
    .getInstructions()
    .map((instruction) => instruction.getTextContent().replace(/\\\n\s*/g, ''));
}

describe('the container', () => {
  let folder: string;

  /** What the image holds: what its steps make of the files that may enter the build, in a folder without the rest. */
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'container-'));
    const allowed = (await readFile(join(root, '.dockerignore'), 'utf8')).match(/(?<=^!).+$/gm) ?? [];
    const instructions = await dockerfile();
    for (const instruction of instructions) {
      const [, copied] = /^COPY (?!--from)(.+) \S+$/.exec(instruction) ?? [];
      for (const name of copied?.split(' ') ?? []) {
        expect(allowed).toContain(name.replace(/^\.\//, ''));
        await cp(join(root, name), join(folder, name), { recursive: true });
      }
      const [, command] = /^RUN (.+)$/.exec(instruction) ?? [];
      if (command !== undefined) await run('sh', ['-c', command], { cwd: folder });
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('does not run as root, and reports its health', async () => {
    const instructions = await dockerfile();
    expect(instructions.filter((one) => one.startsWith('USER')).at(-1)).toMatch(/^USER [1-9]\d*:[1-9]\d*$/);
    expect(instructions.some((one) => one.startsWith('HEALTHCHECK'))).toBe(true);
    expect(instructions.slice(-2)).toEqual(['ENTRYPOINT ["sh", "/gateway/start.sh"]', 'CMD ["node", "src/cli.ts"]']);
  });

  it('serves requests with only the installed files, and its health check shows whether it does', async () => {
    const port = '4179';
    const instructions = await dockerfile();
    const [, check = '[]'] =
      /CMD (\[.+\])$/s.exec(instructions.find((one) => one.startsWith('HEALTHCHECK')) ?? '') ?? [];
    const [, ...checkArguments] = JSON.parse(check);
    const healthy = () =>
      run(process.execPath, checkArguments, { env: { PORT: port } }).then(
        () => true,
        () => false,
      );
    {
      await using gateway = await startProgram({
        args: ['src/cli.ts'],
        cwd: folder,
        env: { ...closed, PORT: port },
        ready: /(http:\/\/\S+\/graphql)/,
      });
      expect(await healthy()).toBe(true);
      const answer = await fetch(gateway.url.replace('localhost', '127.0.0.1'), {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer key' },
        body: '{"query":"{ __typename }"}',
      });
      expect(await answer.json()).toEqual({ data: { __typename: 'Query' } });
    }
    expect(await healthy()).toBe(false);
  });

  it('does not start where its token would be open to the network', async () => {
    const start = startProgram({
      args: ['src/cli.ts'],
      cwd: folder,
      env: { LINQ_INTEGRATION_TOKEN: 'secret', HOST: '0.0.0.0' },
      ready: /(http:\/\/\S+)/,
    });
    await expect(start).rejects.toThrow('HOST must be a loopback address');
  });
});

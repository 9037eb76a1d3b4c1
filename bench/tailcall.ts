/** Tailcall's binary, which needs a C library of 2.39 or later: an older system runs it with that of Debian 13. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

const binary = new URL('node_modules/@tailcallhq/core-linux-x64-gnu/bin/tailcall', import.meta.url).pathname;
const folder = new URL('debian-13', import.meta.url).pathname;
const apt = new URL('debian-13.apt', import.meta.url).pathname;

/** Empty where Tailcall cannot run. */
export const tailcallCommand: readonly string[] = findCommand();

function findCommand(): string[] {
  if (!existsSync(binary)) return []; // npm has none for this system
  const libraries = join(folder, 'usr/lib/x86_64-linux-gnu');
  const commands = [[binary], [join(libraries, 'ld-linux-x86-64.so.2'), '--library-path', libraries, binary]];
  const found = commands.find(runs);
  if (found !== undefined) return found;
  try {
    fetchLibraries();
  } catch {
    return []; // no apt, no network, or no keys of Debian 13
  } finally {
    rmSync(apt, { recursive: true, force: true });
  }
  return commands.find(runs) ?? [];
}

function runs([file = '', ...args]: string[]): boolean {
  try {
    execFileSync(file, [...args, '--version'], { stdio: 'ignore', env: { ...process.env, TAILCALL_TRACKER: 'false' } });
    return true;
  } catch {
    return false;
  }
}

/** Downloads and unpacks two packages with an apt configuration of its own; the system's is not changed. */
function fetchLibraries(): void {
  const sources = join(apt, 'sources.list');
  for (const made of [apt, folder]) rmSync(made, { recursive: true, force: true });
  mkdirSync(join(apt, 'lists/partial'), { recursive: true });
  mkdirSync(join(apt, 'archives/partial'), { recursive: true });
  writeFileSync(join(apt, 'status'), '');
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(sources, `deb [arch=amd64 signed-by=${keys}] http://deb.debian.org/debian trixie main\n`);
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::State::status=${join(apt, 'status')}`,
    `Dir::Cache=${apt}`,
    `APT::Sandbox::User=${userInfo().username}`,
    'Acquire::Languages=none',
  ].flatMap((option) => ['-o', option]);
  const run = (file: string, args: readonly string[]) => execFileSync(file, args, { cwd: apt, stdio: 'ignore' });
  run('apt-get', [...options, 'update']);
  run('apt-get', [...options, 'download', 'libc6', 'libgcc-s1']);
  // Unpacked elsewhere first: an interrupted run leaves nothing that looks complete.
  for (const name of globSync('*.deb', { cwd: apt })) run('dpkg-deb', ['--extract', name, join(apt, 'root')]);
  renameSync(join(apt, 'root'), folder);
}

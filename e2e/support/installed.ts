import { existsSync } from 'node:fs';

/** Where the programs are that npm does not install: a variable's path, or the first of these that exists. */
const places = {
  chromium: {
    variable: 'CHROMIUM_PATH',
    paths: [
      '/usr/bin/chromium',
      '/usr/bin/chromium-browser',
      '/usr/bin/google-chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
  },
  'redis-server': {
    variable: 'REDIS_PATH',
    paths: ['/usr/bin/redis-server', '/opt/homebrew/bin/redis-server', '/usr/local/bin/redis-server'],
  },
  nginx: { variable: 'NGINX_PATH', paths: ['/usr/sbin/nginx', '/opt/homebrew/bin/nginx', '/usr/local/bin/nginx'] },
} as const;

export type InstalledProgram = keyof typeof places;
export const installedPrograms: readonly InstalledProgram[] = ['chromium', 'redis-server', 'nginx'];

/** The path of a program; throws if it is not there. */
export function installed(program: InstalledProgram): string {
  const { variable, paths } = places[program];
  const given = process.env[variable];
  const found = given ? [given].find((path) => existsSync(path)) : paths.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const where = given ? `there is nothing at ${given}` : `it is at none of ${paths.join(', ')}`;
  throw new Error(`${program} is needed, but ${where}: install it, or set ${variable} to its path.`);
}

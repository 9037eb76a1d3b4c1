#!/usr/bin/env node
import cluster from 'node:cluster';

// Before the server's modules are loaded: process 1 of a container never receives a signal that it does not listen to.
const stop = new AbortController();
process.on('SIGTERM', onSignal);
process.on('SIGINT', onSignal);

const { runServer } = await import('./server.ts');
await runServer({ isSandbox: process.argv.includes('--sandbox'), stop });

/** The first signal stops gracefully; a second one exits at once. Workers are stopped by their primary. */
function onSignal(signal: NodeJS.Signals): void {
  if (cluster.isPrimary && stop.signal.aborted) process.exit(1);
  if (cluster.isPrimary || signal === 'SIGTERM') stop.abort(signal);
}

// A full collection on SIGUSR2, so that the bench measures what the server holds, not what is not yet freed.
process.on('SIGUSR2', () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }));

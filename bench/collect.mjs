// Lets the bench ask a server for a full collection, so that memory is what is held rather than what is not yet freed.
process.on('SIGUSR2', () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }));

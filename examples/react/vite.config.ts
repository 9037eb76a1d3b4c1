import { defineConfig } from 'vite';

export default defineConfig({
  server: {
    // The page asks its own origin, so the gateway needs no CORS. `Host` is handed on as the browser sent it.
    proxy: { '/graphql': { target: process.env['GATEWAY_URL'] ?? 'http://127.0.0.1:4000' } },
    fs: { allow: ['..'] }, // the files that it shares with ../web
  },
});

import { defineConfig } from 'vite';

export default defineConfig({
  server: {
    // The page asks its own origin, so the gateway needs no CORS. `Host` is handed on as the browser sent it (no
    // changeOrigin): the gateway then still refuses whoever does not come by a loopback name.
    proxy: { '/graphql': { target: process.env['GATEWAY_URL'] ?? 'http://127.0.0.1:4000' } },
  },
});

import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv } from 'vite';
import { envFaults } from './src/config/parse-env.ts';

/** Where the development server sends what the backend answers, beside it; in production both are one origin. */
const besideUs = () => `http://localhost:${process.env.PORT || 5000}`;
const BACKEND_PATHS = ['/api', '/socket.io', '/chunks.io', '/healthz', '/readyz', '/metrics', '/version'];

export default defineConfig(({ mode }) => {
  const env = loadEnv(mode, import.meta.dirname, 'VITE_');
  const faults = envFaults(env);
  if (faults.length > 0) throw new Error(`these settings of the page are wrong:\n  ${faults.join('\n  ')}`);
  const target = env.VITE_BACKEND_URL || besideUs();
  return {
    plugins: [react(), tailwindcss()],
    // Loaded late by the page: found late by the development server, which would then load the whole page anew.
    optimizeDeps: { include: ['socket.io-client', 'uqr', 'radix-ui'] },
    server: {
      port: 5173,
      strictPort: true,
      proxy: {
        ...Object.fromEntries(BACKEND_PATHS.map((path) => [path, { target, ws: path.endsWith('.io') }])),
        // A share's address is the recipient's page for a browser and the bytes for everything below it.
        '/d/': {
          target,
          bypass: (request) =>
            /^\/d\/[^/?]+\/?(\?|$)/.test(request.url ?? '') && request.headers.accept?.includes('text/html')
              ? '/index.html'
              : undefined,
        },
      },
    },
    build: {
      outDir: 'dist',
      rolldownOptions: {
        input: { index: 'index.html', 'share-target-worker': 'src/share-target/share-target-worker.ts' },
        output: {
          // A service worker's address is its name: it has none of a build, and lies where its scope begins.
          entryFileNames: ({ name }) => (name === 'share-target-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
        },
      },
      target: 'es2022',
      // The page's policy allows nothing inline: no data: font, no inline script.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      sourcemap: false,
    },
    worker: { format: 'es' as const },
  };
});

// Bundles both apps into dist/new and dist/old, for the tests to serve.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });

for (const system of ['new', 'old']) {
  await build({
    entryPoints: { app: `src/${system}.tsx` },
    outdir: `dist/${system}`,
    bundle: true,
    format: 'esm',
    splitting: true,
    jsx: 'automatic',
    target: 'es2022',
    minify: true,
    define: { global: 'globalThis', 'process.env.NODE_ENV': '"production"', 'process.env.APP_CONFIG': 'undefined' },
    // The catalog's export takes the half of this package that is made for Node.
    alias: { 'csv-stringify/lib/sync': 'csv-stringify/lib/browser/sync.js' },
    loader: { '.svg': 'file', '.png': 'file', '.woff': 'file', '.woff2': 'file' },
    logLevel: 'warning',
  });
}

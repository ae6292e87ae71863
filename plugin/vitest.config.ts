import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Backstage's and Material UI's ES modules name directories, which Node alone does not resolve.
    server: { deps: { inline: [/@backstage/, /@material-ui/, /@mui/, /@rjsf/, /material-ui/, /react-use/] } },
    css: false,
    // Backstage's modules take half a minute to read: once for all files.
    pool: 'forks',
    isolate: false,
    poolOptions: { forks: { singleFork: true } },
    silent: 'passed-only',
    // What jsdom cannot read of the style sheet of @backstage/ui.
    onConsoleLog: log => (log.includes('Could not parse CSS stylesheet') ? false : undefined),
  },
});

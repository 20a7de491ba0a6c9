import { defineConfig } from '@playwright/test';

/** Journeys through the page in Debian's Chromium, against a real manager. See e2e/stage.ts. */
export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/stage.ts',
  outputDir: '../.cache/page-results',
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  use: {
    ignoreHTTPSErrors: true, // the manager's own CA
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    // Without a picture of each frame: those take more than the page itself.
    trace: { mode: 'retain-on-failure', screenshots: false },
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking'],
    },
  },
});

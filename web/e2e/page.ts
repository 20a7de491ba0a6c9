import { AxeBuilder } from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';
import { stage } from './stage';

/** A test whose page may not stumble: whatever the browser complains of fails it. */
export const test = base.extend<{ complaints: string[] }>({
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      page.on('pageerror', (err) => complaints.push(err.message));
      page.on('console', (message) => {
        // A browser reports each refused request as an error, also one that the page expects.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(stage().address)) complaints.push(`it asks a third party: ${request.url()}`);
      });
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Opens an address of the page as somebody who has a token. */
export async function signIn(page: Page, path = '/', token = stage().token): Promise<void> {
  await page.goto(stage().address + path);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
}

/** Fails on whatever keeps people who can't see or can't use a mouse from using the view. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)).toEqual([]);
}

import type { Page } from '@playwright/test';
import { expect, expectAccessible, signIn, test } from './page';

const base = (cluster: string) => `/clusters/${cluster}/${cluster}`;

/** Types the cluster's name where that is asked for, and approves. */
async function approve(page: Page, cluster: string): Promise<void> {
  await expect(page.getByText('Every check has an answer')).toBeVisible();
  const button = page.getByRole('button', { name: `Restore ${cluster}` });
  await expect(button).toBeDisabled();
  await page.getByLabel(`Type ${cluster} to confirm`).fill('something else');
  await expect(button).toBeDisabled();
  await page.getByLabel(`Type ${cluster} to confirm`).fill(cluster);
  await button.click();
}

test('a snapshot is chosen, planned, approved and restored, and its phases are seen to the end', async ({ page }) => {
  test.slow(); // a restore to its end, twice looked at by axe
  await signIn(page, `${base('c0005')}/snapshots`);
  await page
    .getByRole('button', { name: /^Restore recurring-/ })
    .first()
    .click();
  await expect(page.getByText('The cluster works: no restore is needed')).toBeVisible();
  await expect(page.getByText(/^Returns to .*, and loses/)).toBeVisible();
  await expect(page.getByRole('grid', { name: 'Checks' })).toContainText('DiskSpace');
  await expectAccessible(page);
  await page.reload();
  await approve(page, 'c0005');
  await expect(page).toHaveURL(/\/operations\/restore-/);
  await expect(page.getByText('Finished').first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('grid', { name: 'Steps of a' })).toContainText('RestoreEtcd');
  await expectAccessible(page);
});

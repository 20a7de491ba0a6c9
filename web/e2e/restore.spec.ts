import type { Page } from '@playwright/test';
import { expect, expectAccessible, signIn, test } from './page';
import { stage } from './stage';

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

test('a cluster without quorum is offered its survivor, and the plan follows what is chosen', async ({ page }) => {
  test.slow();
  await signIn(page, `${base('c0007')}/overview`);
  await page.getByRole('button', { name: 'Restore c0007' }).click();
  await expect(page.getByText('No majority, but a member survives')).toBeVisible();
  await page.getByRole('button', { name: 'Plan a reset to the member on a' }).click();
  await expect(page.getByText('Takes what the member on a holds').first()).toBeVisible();
  await expect(page.getByRole('radio', { name: 'A surviving member' })).toBeChecked();
  await expectAccessible(page);

  await page.getByRole('radio', { name: 'A file on a machine' }).click();
  await expect(page.getByText('Say which file.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Plan this instead' })).toBeDisabled();
  await page.getByRole('textbox', { name: 'A file on a machine' }).fill('nowhere.db');
  await page.getByRole('button', { name: 'Plan this instead' }).click();
  await expect(page.getByText('A check has failed: this')).toBeVisible();
  await expect(page.getByRole('row', { name: 'SnapshotFound' })).toContainText('nowhere.db');
  await expect(page.getByLabel('Type c0007 to confirm')).toBeDisabled();
  await expectAccessible(page);

  await page.getByRole('button', { name: 'Discard this plan' }).click();
  await expect(page.getByText('Cancelled', { exact: true }).first()).toBeVisible();
  await expect(page.getByRole('button', { name: 'Plan the same again' })).toBeVisible();
});

test('a plan is read in Chinese and in the dark', async ({ page }) => {
  test.slow();
  await page.addInitScript(() => localStorage.setItem('holdfast.theme', 'dark'));
  await signIn(page, `${base('c0006')}/snapshots`);
  await page.getByRole('button', { name: '简体中文' }).click();
  await page.getByRole('button', { name: '恢复 c0006' }).click();
  await expect(page.getByText('集群工作正常：无需恢复')).toBeVisible();
  await expect(page.getByText('所有检查都有结果，没有未通过的检查。')).toBeVisible();
  await expectAccessible(page);
});

test('who may only look is offered no restore', async ({ page }) => {
  await signIn(page, `${base('c0004')}/snapshots`, stage().viewer);
  await expect(page.getByRole('grid', { name: 'Snapshots' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Restore/ })).toHaveCount(0);
});

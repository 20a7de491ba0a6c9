import { expect, expectAccessible, signIn, test } from './page';

test('the fleet shows first what needs attention, and finds clusters', async ({ page }) => {
  await signIn(page);
  await expect(page.getByRole('row')).toHaveCount(11); // eight clusters, two without machines, and the head
  await expect(page.getByRole('row').nth(1)).toContainText('No snapshot');
  await expectAccessible(page);

  await page.getByRole('button', { name: 'without a schedule' }).click();
  await expect(page.getByRole('row')).toHaveCount(2);
  await expect(page.getByRole('row').nth(1)).toContainText('c0003');
  await page.getByRole('button', { name: 'without a schedule' }).click();

  await page.getByPlaceholder('Search').fill('C0005');
  await expect(page.getByRole('row')).toHaveCount(2);
  await page.getByPlaceholder('Search').fill('nobody');
  await expect(page.getByText('No cluster matches')).toBeVisible();
  await page.getByRole('button', { name: 'Show all clusters' }).click();
  await expect(page.getByRole('row')).toHaveCount(11);
});

test('the fleet speaks Chinese, and the page remembers it', async ({ page }) => {
  await signIn(page);
  await page.getByRole('button', { name: '简体中文' }).click();
  await expect(page.getByRole('heading', { name: '集群' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: '集群' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await expectAccessible(page);
});

test('the fleet is dark when that is asked for', async ({ page }) => {
  await signIn(page);
  await page.getByRole('button', { name: 'holdfast-admin' }).click();
  await page.getByRole('menuitem', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveClass(/pf-v6-theme-dark/);
  await page.keyboard.press('Escape');
  await expectAccessible(page);
});

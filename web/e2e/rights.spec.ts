import { expect, expectAccessible, signIn, test } from './page';
import { stage } from './stage';

test('who may see one cluster only names its namespace, and finds the cluster there from then on', async ({ page }) => {
  await signIn(page, '/', stage().narrow);
  await expect(page.getByText('You may not see the whole fleet')).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Namespace').fill('c0001');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByRole('row', { name: 'c0001' })).toBeVisible();
  await page.reload();
  await page.getByRole('link', { name: 'c0001' }).click();
  await expect(page.getByRole('heading', { name: 'Safety' })).toBeVisible();
  await page.getByRole('tab', { name: 'Snapshots' }).click();
  await expect(page.getByRole('grid', { name: 'Snapshots' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Snapshot now' })).toHaveCount(0);
});

test('a namespace that one may not see says so, and whom to ask', async ({ page }) => {
  await signIn(page, '/', stage().nobody);
  await page.getByLabel('Namespace').fill('c0002');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByText('You may not see this')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Forget c0002' }).click();
  await expect(page.getByText('You may not see this')).toHaveCount(0);
  await page.goto(`${stage().address}/clusters/c0002/c0002/snapshots`);
  await expect(page.getByText('You may not see this')).toBeVisible();
  await expectAccessible(page);
});

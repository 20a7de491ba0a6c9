import { expect, expectAccessible, signIn, test } from './page';
import { stage } from './stage';

const snapshots = '/clusters/c0006/c0006/snapshots';

test('a backup is tested again from its row, and the operation is watched to its end', async ({ page }) => {
  await signIn(page, snapshots);
  await page
    .getByRole('button', { name: /^Actions: / })
    .first()
    .click();
  await page.getByRole('menuitem', { name: 'Verify' }).click();
  await page.getByRole('radio', { name: 'Content' }).check();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Verify' }).click();
  await expect(page.getByText('Finished').first()).toBeVisible();
  await expect(page.getByRole('grid', { name: /^Steps of/ }).first()).toContainText('VerifySnapshot');
});

test('a backup is deleted only after its copies and what is left were read, and the name was typed', async ({ page }) => {
  await signIn(page, snapshots);
  const rows = page.getByRole('button', { name: /^Copies of/ });
  await expect(rows.first()).toBeVisible();
  const oldest = await rows.last().getAttribute('aria-label');
  await page
    .getByRole('button', { name: /^Actions: / })
    .last()
    .click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('copies go for good')).toBeVisible();
  await expect(dialog.getByText(/good snapshots are left\. The newest of them: /)).toBeVisible();
  await expectAccessible(page);
  const button = dialog.getByRole('button', { name: 'Delete for good' });
  await expect(button).toBeDisabled();
  await dialog.getByLabel('Type c0006 to confirm').fill('c0005');
  await expect(button).toBeDisabled();
  await dialog.getByLabel('Type c0006 to confirm').fill('c0006');
  await button.click();
  await expect(page.getByText('Finished').first()).toBeVisible();
  await page.getByRole('tab', { name: 'Snapshots' }).click();
  await expect(page.getByRole('button', { name: oldest ?? '', exact: true })).toHaveCount(0);
});

test('a snapshot says how it is restored without Holdfast, as the command line does', async ({ page }) => {
  await signIn(page, snapshots);
  await page
    .getByRole('button', { name: /^Copies of/ })
    .first()
    .click();
  await page.getByRole('link', { name: /\.db$/ }).first().click();
  const text = page.getByLabel('Restore without Holdfast', { exact: true });
  await expect(text).toContainText('etcdutl snapshot restore');
  await expect(text).toContainText('On machine ');
  await expectAccessible(page);
});

test('what lies on machines alone is not offered for download, and who may only look is offered nothing', async ({ page }) => {
  await signIn(page, snapshots);
  await page
    .getByRole('button', { name: /^Actions: / })
    .first()
    .click();
  await expect(page.getByRole('menuitem', { name: 'Verify' })).toBeVisible();
  await expect(page.getByRole('menuitem', { name: 'Download' })).toHaveCount(0);
  await page.context().clearCookies();
  await signIn(page, snapshots, stage().viewer);
  await expect(page.getByRole('grid', { name: 'Snapshots' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Actions/ })).toHaveCount(0);
});

import { expect, expectAccessible, signIn, test } from './page';
import { stage } from './stage';

test('a snapshot is taken from the page, and its phases are seen to the end', async ({ page }) => {
  await signIn(page, '/clusters/c0001/c0001/snapshots');
  await page.getByRole('button', { name: 'Snapshot now' }).click();
  await page.getByLabel('Name', { exact: true }).fill('wrong name');
  await expect(page.getByText('Letters, digits, dots')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Take snapshot' })).toBeDisabled();
  await page.getByLabel('Name', { exact: true }).fill('night-shift');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Take snapshot' }).click();
  await expect(page.getByText('Finished').first()).toBeVisible();
  await expect(page.getByRole('grid', { name: 'Steps of a' })).toContainText('SaveSnapshot');
  await expectAccessible(page);
  await page.getByRole('tab', { name: 'Snapshots' }).click();
  await expect(page.getByRole('row', { name: 'night-shift' }).first()).toBeVisible();
});

for (const view of ['overview', 'snapshots', 'operations', 'machines', 'events']) {
  test(`the ${view} of a cluster is there in both languages`, async ({ page }) => {
    await signIn(page, `/clusters/c0002/c0002/${view}`);
    await expect(page.getByRole('tab', { selected: true })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole('button', { name: '简体中文' }).click();
    await expect(page.getByRole('navigation').getByText('集群')).toBeVisible();
    await expectAccessible(page);
  });
}

test('who may only look is offered nothing else', async ({ page }) => {
  await signIn(page, '/clusters/c0001/c0001/snapshots', stage().viewer);
  await expect(page.getByRole('grid', { name: 'Snapshots' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Snapshot now' })).toHaveCount(0);
  await page.goto(stage().address);
  await expect(page.getByRole('row', { name: 'c0001' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Actions/ })).toHaveCount(0);
});

test('an address that is none says so', async ({ page }) => {
  await signIn(page, '/clusters/nowhere/nothing');
  await expect(page.getByText('Not found')).toBeVisible();
});

test('a snapshot shows all that is known of it', async ({ page }) => {
  await signIn(page, '/clusters/c0004/c0004/snapshots');
  await page
    .getByRole('button', { name: /^Copies of/ })
    .first()
    .click();
  await page
    .getByRole('link', { name: /recurring-a-.*\.db/ })
    .first()
    .click();
  await expect(page.getByText('Revision')).toBeVisible();
  await expect(page.getByText('SHA-256').first()).toBeVisible();
  await expectAccessible(page);
});

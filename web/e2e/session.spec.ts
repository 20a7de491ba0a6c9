import { expect, expectAccessible, signIn, test } from './page';
import { stage } from './stage';

test('a token that is not good is refused in words', async ({ page }) => {
  await page.goto(stage().address);
  await expectAccessible(page);
  await page.getByLabel('Token').fill('nonsense');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('This token is not good')).toBeVisible();
});

test('a session outlives a reload, is unreadable for scripts, and ends', async ({ page, context }) => {
  await signIn(page);
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Clusters' })).toBeVisible();
  expect(await page.evaluate(() => document.cookie + JSON.stringify(localStorage))).not.toContain('eyJ');
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Strict' });
  await page.getByRole('button', { name: 'holdfast-admin' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByLabel('Token')).toBeVisible();
});

test("a request that another page sends with the session's cookie is refused", async ({ page }) => {
  await signIn(page);
  const status = await page.evaluate(() => fetch('/k8s/version').then((answer) => answer.status));
  expect(status).toBe(200);
  // What a browser sends for a page elsewhere.
  const elsewhere = await page
    .context()
    .request.get(`${stage().address}/k8s/version`, { headers: { 'Sec-Fetch-Site': 'cross-site' } });
  expect(elsewhere.status()).toBe(403);
});

import type { Page } from '@playwright/test';
import { expect, signIn, test } from './page';

/** Words that are the same in Chinese, and names that the stage has given. */
const allowed =
  /\b(Holdfast|holdfast[\w-]*|Kubernetes|etcd|etcdutl|K3s|RKE2?|S3|Secret|kubeconfig|Cron|YAML|English|control plane|worker|SHA|UTC|GMT|CET|CEST|root|age|c\d{4}|new-(k3s|rke2)|recurring|manual|[abc]|lab|first)\b/gi;

/** What a person who uses a screen reader hears of the controls, and what each of them shows. */
async function spoken(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    for (const element of document.querySelectorAll('*')) {
      for (const name of ['aria-label', 'aria-valuetext', 'aria-roledescription', 'placeholder', 'alt']) {
        const text = element.getAttribute(name);
        // A button that is not shown is not read either, and what is a text for a shell is in no language.
        if (text && !element.closest('[aria-hidden="true"]')) found.push(`${name}: ${text}`);
      }
      if (element.matches('button, label, th, legend, .pf-v6-screen-reader, [role=menuitem], [role=tab]')) {
        found.push(`${element.tagName.toLowerCase()}: ${element.textContent}`);
      }
    }
    return found;
  });
}

async function expectChinese(page: Page): Promise<void> {
  const english = (await spoken(page)).filter((text) => {
    const said = text.slice(text.indexOf(':') + 1).replace(/\S*[./@-]\S*/g, ''); // names of files, hosts, objects
    return /[a-z]{3}/i.test(said.replace(allowed, ''));
  });
  expect([...new Set(english)]).toEqual([]);
}

async function signInChinese(page: Page, path: string): Promise<void> {
  await signIn(page, path);
  await page.getByRole('button', { name: '简体中文' }).click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
}

for (const path of [
  '/',
  '/register',
  ...['overview', 'snapshots', 'operations', 'machines', 'events'].map((tab) => `/clusters/c0001/c0001/${tab}`),
]) {
  test(`no control of ${path} speaks English when the page speaks Chinese`, async ({ page }) => {
    await signInChinese(page, path);
    await expect(
      page
        .getByRole('main')
        .getByText(/\p{Script=Han}{2}/u)
        .first(),
    ).toBeVisible();
    await expectChinese(page);
  });
}

test('no dialog speaks English when the page speaks Chinese', async ({ page }) => {
  await signInChinese(page, '/clusters/c0001/c0001/snapshots');
  await page.getByRole('button', { name: '立即创建快照' }).click();
  await expectChinese(page);
  await page.getByRole('button', { name: '关闭' }).click();
  for (const action of ['验证', '删除']) {
    await page
      .getByRole('button', { name: /^操作：/ })
      .first()
      .click();
    await page.getByRole('menuitem', { name: action }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await expectChinese(page);
    await page.getByRole('button', { name: '关闭' }).click();
  }
  await page.getByRole('tab', { name: '机器' }).click();
  await page.getByRole('button', { name: '添加机器' }).click();
  await page.getByRole('button', { name: '生成加入命令' }).click();
  await expect(page.getByText('HOLDFAST_JOIN_TOKEN')).toBeVisible();
  await expectChinese(page);
});

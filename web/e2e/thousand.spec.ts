import type { APIRequestContext } from '@playwright/test';
import { expect, expectAccessible, signIn, test } from './page';
import { stage } from './stage';

/** How many clusters the fleet has beside those of the stage. */
const many = 1_000;

/** Requests at a time. */
const atOnce = 20;

const namespace = 'many';

async function post(request: APIRequestContext, path: string, data: object): Promise<void> {
  const answer = await request.post(`${stage().address}/k8s${path}`, {
    data,
    headers: { Authorization: `Bearer ${stage().token}` },
  });
  if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
}

test.beforeAll(async ({ playwright }) => {
  test.setTimeout(10 * 60_000);
  const request = await playwright.request.newContext({ ignoreHTTPSErrors: true });
  await post(request, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  for (let done = 0; done < many; done += atOnce) {
    const batch = Array.from({ length: atOnce }, (_, index) => `many-${String(done + index).padStart(4, '0')}`);
    await Promise.all(
      batch.map((name) =>
        post(request, `/apis/holdfast.dev/v1alpha1/namespaces/${namespace}/clusters`, {
          apiVersion: 'holdfast.dev/v1alpha1',
          kind: 'Cluster',
          metadata: { name },
          spec: { distro: 'etcd' },
        }),
      ),
    );
  }
  await request.dispose();
});

test.afterAll(async ({ playwright }) => {
  const request = await playwright.request.newContext({ ignoreHTTPSErrors: true });
  await request.delete(`${stage().address}/k8s/apis/holdfast.dev/v1alpha1/namespaces/${namespace}/clusters`, {
    headers: { Authorization: `Bearer ${stage().token}` },
  });
  await request.dispose();
});

test('a thousand clusters are few rows and few requests, and one of them is found at once', async ({ page }) => {
  const asked: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith('/k8s/') || pathname.startsWith('/v1/')) asked.push(`${request.method()} ${pathname}`);
  });
  await signIn(page);
  await expect(page.getByText(/^10\d\d clusters$/)).toBeVisible();
  expect(await page.getByRole('row').count()).toBeLessThanOrEqual(100);
  const lists = asked.filter((each) => each.endsWith('/clusters'));
  // Three pages of up to 500, and one watch.
  expect(lists.length).toBeLessThanOrEqual(4);
  expect(asked.length).toBeLessThanOrEqual(15);
  await expectAccessible(page);

  await page.getByRole('button', { name: 'Next page' }).click();
  await expect(page.getByRole('button', { name: 'Previous page' })).toBeEnabled();
  await page.getByPlaceholder('Search').fill('many-0777');
  await expect(page.getByRole('row')).toHaveCount(2);
  await page.getByPlaceholder('Search').fill('');
  await page.getByRole('button', { name: 'Cluster', exact: true }).click();
  await expect(page.getByRole('row').nth(1)).toContainText('c0000');
  expect(asked.length).toBeLessThanOrEqual(15);
});

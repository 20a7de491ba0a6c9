import type { Locator, Page } from '@playwright/test';
import { expect, expectAccessible, signIn, test } from './page';
import { stage } from './stage';

/** Asks the API itself, as kubectl would. */
async function api(page: Page, path: string, patch?: object): Promise<Record<string, unknown>> {
  const headers = { Authorization: `Bearer ${stage().token}` };
  const address = `${stage().address}/k8s${path}`;
  const { request } = page.context();
  const answer = patch
    ? await request.patch(address, { headers: { ...headers, 'Content-Type': 'application/merge-patch+json' }, data: patch })
    : await request.get(address, { headers });
  expect(answer.ok(), await answer.text()).toBe(true);
  return (await answer.json()) as Record<string, unknown>;
}

const cluster = (name: string) => `/apis/holdfast.dev/v1alpha1/namespaces/${name}/clusters/${name}`;

async function secretsOf(page: Page, namespace: string): Promise<string[]> {
  const { items } = await api(page, `/api/v1/namespaces/${namespace}/secrets`);
  return (items as { metadata: { name: string } }[])
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith('s3-'));
}

/** Fills in a target that is right, but for what is given. */
async function fillTarget(page: Page, folder: string, wrong: { secretKey?: string; ca?: string } = {}): Promise<void> {
  const { s3 } = stage();
  await page.getByRole('radio', { name: 'On the nodes, and in S3' }).check();
  await page.getByRole('textbox', { name: 'Endpoint' }).fill(s3.endpoint);
  await page.getByRole('textbox', { name: 'Bucket' }).fill(s3.bucket);
  await page.getByLabel('Folder', { exact: true }).fill(folder);
  await page.getByLabel('Region').fill(s3.region);
  await page.getByRole('textbox', { name: 'Access key', exact: true }).fill(s3.accessKey);
  await page.getByRole('textbox', { name: 'Secret key', exact: true }).fill(wrong.secretKey ?? s3.secretKey);
  await page.getByRole('textbox', { name: 'Custom CA certificate' }).fill(wrong.ca ?? s3.ca);
}

/** Puts a text in place of all that is in an editor, as people do: what a browser itself makes of that is not the page's. */
async function paste(editor: Locator, text: string): Promise<void> {
  await editor.press('ControlOrMeta+a');
  await editor.evaluate((element, pasted) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', pasted);
    element.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

test('a schedule is read as k3s reads it, in words and times', async ({ page }) => {
  await signIn(page, '/clusters/c0005/c0005/settings');
  const next = page.getByRole('list', { name: 'Next times' });
  await expect(next.getByRole('listitem')).toHaveCount(5);
  await page.getByLabel('Cron schedule').fill('30 2 * * 1-5');
  await expect(page.getByText('At 02:30, Monday through Friday')).toBeVisible();
  await expect(next.getByRole('listitem').first()).toContainText('02:30');
  await expect(page.getByText('Time zone: Europe/Berlin.')).toBeVisible();
  await page.getByLabel('Cron schedule').fill('0 3 30 2 *');
  await expect(page.getByText('0 3 30 2 * never comes')).toBeVisible();
  await page.getByLabel('Cron schedule').fill('0 25 * * *');
  await expect(page.getByText('the second field, hour, takes 0 to 23')).toBeVisible();
  await page.getByLabel('How many are kept', { exact: true }).fill('many');
  await expect(page.getByText('must be of type integer')).toBeVisible();
  await expectAccessible(page);
});

test('each wrong field of a target is told at that field', async ({ page }) => {
  await signIn(page, '/clusters/c0005/c0005/settings');
  await expect(page.getByText('Losing all etcd nodes loses the snapshots.')).toBeVisible();
  await fillTarget(page, 'c0005');
  await page.getByText('Show advanced options').click();
  for (const [label, wrong, says] of [
    ['Endpoint', 'https://s3.example.com', 'without a scheme'],
    ['Bucket', 'Wrong_Bucket', "a bucket's name has"],
    ['Folder', '/backups/', 'neither begins nor ends with a slash'],
    ['Region', 'here there', 'letters, digits and hyphens'],
    ['Custom CA certificate', 'my certificate', 'no PEM certificate'],
    ['Time limit of a request', 'soon', 'must lie between'],
    ['How many are kept in S3', '0', 'greater than or equal to 1'],
    ['Disk space that must be left', 'plenty', 'should match'],
    ['Recipients of the escrow', 'age1me', 'should match'],
  ] as const) {
    const field = page.getByRole('textbox', { name: label });
    const right = await field.inputValue();
    await field.fill(wrong);
    const group = page.locator('.pf-v6-c-form__group').filter({ has: field });
    await expect(group.getByText(says), label).toBeVisible();
    await field.fill(right);
    await expect(group.getByText(says), label).toHaveCount(0);
  }
  await page.getByRole('textbox', { name: 'Secret key', exact: true }).fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Required, unless the nodes use an IAM role.')).toBeVisible();
  await expectAccessible(page);
  expect(await secretsOf(page, 'c0005')).toEqual([]);
});

test('a target is tried from the nodes before it is saved, and its keys are never shown again', async ({ page }) => {
  await signIn(page, '/clusters/c0006/c0006/settings');
  await fillTarget(page, 'c0006', { secretKey: 'not-the-secret' });
  await page.getByRole('button', { name: 'Test from the nodes' }).click();
  await expect(page.getByText('The target can not be used as it is')).toBeVisible();
  const verdict = page.getByRole('grid', { name: 'Test from the nodes' });
  await expect(verdict.getByRole('row', { name: 'Write' }).first()).toContainText('failed');
  await expectAccessible(page);

  await page.getByRole('textbox', { name: 'Secret key', exact: true }).fill(stage().s3.secretKey);
  await page.getByRole('textbox', { name: 'Custom CA certificate' }).fill(stage().s3.otherCA);
  await page.getByRole('button', { name: 'Test from the nodes' }).click();
  await expect(page.getByText('certificate').filter({ hasText: 'unknown authority' }).first()).toBeVisible();

  await page.getByRole('textbox', { name: 'Custom CA certificate' }).fill(stage().s3.ca);
  await page.getByRole('button', { name: 'Test from the nodes' }).click();
  await expect(page.getByText('All 3 nodes have all that they need')).toBeVisible();
  await expect(verdict.getByRole('row', { name: 'Delete' })).toContainText('passed');
  await expect.poll(() => secretsOf(page, 'c0006')).toEqual([]);
  const before = (await api(page, cluster('c0006')))['spec'] as { etcd: { s3?: object } };
  expect(before.etcd.s3).toBeUndefined();

  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  await expect(page.getByText('Keys are set. They are not shown again.')).toBeVisible();
  await page.reload();
  await expect(page.getByText('Keys are set. They are not shown again.')).toBeVisible();
  expect(await page.content()).not.toContain(stage().s3.secretKey);
  const [first] = await secretsOf(page, 'c0006');

  await page.getByRole('button', { name: 'Replace them' }).click();
  await page.getByRole('textbox', { name: 'Access key', exact: true }).fill(stage().s3.accessKey);
  await page.getByRole('textbox', { name: 'Secret key', exact: true }).fill(stage().s3.secretKey);
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Keys are set. They are not shown again.')).toBeVisible();
  await expect.poll(async () => (await secretsOf(page, 'c0006')).length).toBe(1);
  expect(await secretsOf(page, 'c0006')).not.toContain(first);
});

test('what somebody else has saved is not undone', async ({ page }) => {
  await signIn(page, '/clusters/c0007/c0007/settings');
  await page.getByLabel('How many are kept', { exact: true }).fill('8');
  await api(page, cluster('c0007'), { spec: { etcd: { snapshotScheduleCron: '0 1 * * *' } } });
  await expect(page.getByText('Somebody else has changed this cluster meanwhile')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Keep my edits, on top of theirs' }).click();
  await expect(page.getByLabel('Cron schedule')).toHaveValue('0 1 * * *');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  const { etcd } = (await api(page, cluster('c0007')))['spec'] as { etcd: Record<string, unknown> };
  expect(etcd).toMatchObject({ snapshotScheduleCron: '0 1 * * *', snapshotRetention: 8 });
});

test('a change of the scheduler says what it means', async ({ page }) => {
  await signIn(page, '/clusters/new-k3s/new-k3s/settings');
  await expect(page.getByLabel('Cron schedule')).toBeDisabled();
  await page.getByRole('radio', { name: 'Holdfast' }).check();
  await expect(page.getByText('restarts the server of each node once, one after the other')).toBeVisible();
  await page.getByLabel('Cron schedule').fill('0 4 * * *');
  await expect(page.getByText('At 04:00')).toBeVisible();
  await expectAccessible(page);
});

test('YAML is judged, compared and saved', async ({ page }) => {
  await signIn(page, '/clusters/c0004/c0004/configuration');
  const editor = page.getByRole('textbox', { name: 'YAML of c0004' });
  await expect(editor).toContainText('distro: etcd');
  await expectAccessible(page);
  const text = (etcd: string) =>
    `apiVersion: holdfast.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: c0004\n  namespace: c0004\nspec:\n  distro: etcd\n  deletionPolicy: Retain\n  etcd:\n    ${etcd}\n    verify: restore\n    snapshotBeforeChange: true\n`;
  await paste(editor, text('snapshotRetenton: 9'));
  await expect(page.getByText('Line 10: there is no field snapshotRetenton')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Review changes' })).toBeDisabled();
  await expectAccessible(page);
  // Only the API knows that.
  await paste(editor, text('safeTimestamp: true'));
  await page.getByRole('button', { name: 'Review changes' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('safeTimestamp is for distro rke')).toBeVisible();

  await paste(editor, text('snapshotRetention: 9').replace('spec:', 'spec:\n  config:\n    etcd:\n      dataDir: /var/lib/etcd'));
  await page.getByRole('button', { name: 'Review changes' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('spec.etcd.snapshotRetention')).toBeVisible();
  await expect(dialog.getByText('nothing becomes 9')).toBeVisible();
  await expect(dialog.getByLabel('Take a snapshot before the change')).toBeChecked();
  await expect(dialog.locator('.cm-changedLine').first()).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toHaveCount(0);
  await page.getByRole('tab', { name: 'Operations' }).click();
  await expect(page.getByText(/pre-change-\d+-/).first()).toBeVisible();
});

test('YAML that somebody else has overtaken shows what would be lost', async ({ page }) => {
  await signIn(page, '/clusters/c0002/c0002/configuration');
  const editor = page.getByRole('textbox', { name: 'YAML of c0002' });
  await expect(editor).toContainText('verify: restore');
  const text = (await editor.locator('.cm-line').allTextContents()).join('\n');
  await paste(editor, text.replace('verify: restore', 'verify: content'));
  await page.getByRole('button', { name: 'Review changes' }).click();
  await api(page, cluster('c0002'), { spec: { etcd: { snapshotRetention: 7 } } });
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByText('Somebody else has changed this cluster meanwhile')).toBeVisible();
  await expect(dialog.getByText('7 becomes nothing')).toBeVisible();
  await dialog.getByRole('button', { name: 'Begin anew from theirs' }).click();
  await expect(editor).toContainText('snapshotRetention: 7');
});

for (const view of ['settings', 'configuration']) {
  test(`the ${view} of a cluster are there in both languages and themes, and only to look at for who may only look`, async ({
    page,
  }) => {
    await signIn(page, `/clusters/c0001/c0001/${view}`, stage().viewer);
    await expect(page.getByText('You may look at these settings')).toBeVisible();
    await expect(page.getByRole('button', { name: /Save|Review/ })).toHaveCount(0);
    await expectAccessible(page);
    await page.getByRole('button', { name: '简体中文' }).click();
    await expect(page.getByRole('tab', { selected: true })).toHaveText(/设置|配置/);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect(page.locator('html')).toHaveClass(/pf-v6-theme-dark/);
    await expectAccessible(page);
  });
}

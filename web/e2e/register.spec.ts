import { spawn, type ChildProcess } from 'node:child_process';
import { expect, expectAccessible, signIn, test } from './page';
import { stage } from './stage';

const machines: ChildProcess[] = [];

test.afterAll(() => {
  for (const machine of machines) machine.kill('SIGTERM');
});

/** Has a simulated machine do what a real one does with its line. */
function join(line: string, name: string): void {
  const [, server, token] = /(https:\/\/[^/]+)\/install\.sh \| HOLDFAST_JOIN_TOKEN=(\S+) sh$/.exec(line) ?? [];
  if (!server || !token) throw new Error(`this is no join line: ${line}`);
  machines.push(
    spawn(process.env['HOLDFAST_STAGE'] ?? '', ['-join', server, '-name', name], {
      env: { ...process.env, HOLDFAST_JOIN_TOKEN: token },
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  );
}

test('a cluster is registered, a machine joins with its line and is seen at once, and what to do next is said', async ({
  page,
}) => {
  await signIn(page);
  await page.getByRole('link', { name: 'Register cluster' }).click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Not A Name');
  await expect(page.getByText('Small letters, digits and dashes')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Register', exact: true })).toBeDisabled();
  await expectAccessible(page);

  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('lab');
  await page.getByRole('radio', { name: /^etcd/ }).check();
  await page.getByRole('button', { name: 'Register', exact: true }).click();
  await expect(page.getByText('Waiting for the first machine')).toBeVisible();
  await page.getByRole('button', { name: 'Make a join line' }).click();
  const line = await page.getByLabel('Machine 1: etcd', { exact: true }).innerText();
  expect(line).toContain('curl -fsSk --pinnedpubkey sha256//');
  await expectAccessible(page);

  join(line, 'first');
  await expect(page.getByText('first', { exact: true })).toBeVisible();
  await expect(page.getByText('Ready')).toBeVisible();
  await page.getByRole('link', { name: 'To the cluster' }).click();
  await expect(page.getByRole('heading', { name: 'What to do next' })).toBeVisible();
  await expect(page.getByText('Name who may open the escrow')).toBeVisible();
  await expectAccessible(page);
});

test('a name that is taken is refused in the words of the API, and nothing is left behind', async ({ page }) => {
  await signIn(page, '/register');
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('c0001');
  await page.getByRole('button', { name: 'Register', exact: true }).click();
  await expect(page.getByText('already exists')).toBeVisible();
  await page.goto(`${stage().address}/clusters/c0001/c0001/machines`);
  await expect(page.getByRole('grid', { name: 'Machines' })).toContainText('seen');
});

test('a machine is added from the machines of a cluster, with the roles that it is to have', async ({ page }) => {
  await signIn(page, '/clusters/new-k3s/new-k3s/machines');
  await page.getByRole('button', { name: 'Add machine' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox', { name: 'etcd' }).uncheck();
  await dialog.getByRole('checkbox', { name: 'control plane' }).uncheck();
  await expect(dialog.getByRole('button', { name: 'Make a join line' })).toBeDisabled();
  await dialog.getByRole('checkbox', { name: 'worker' }).check();
  await dialog.getByRole('button', { name: 'More options' }).click();
  await dialog.getByLabel('Address of the manager').fill('manager.example.com:9443');
  await dialog.getByRole('button', { name: 'Make a join line' }).click();
  await expect(dialog.getByLabel('Machine 1: worker', { exact: true })).toContainText(
    'https://manager.example.com:9443/install.sh',
  );
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Make a line for another machine' }).click();
  await expect(dialog.getByLabel('Machine 2: worker', { exact: true })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
});

test('who may only look registers no cluster and adds no machine', async ({ page }) => {
  await signIn(page, '/', stage().viewer);
  await expect(page.getByRole('row', { name: 'c0001' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Register cluster' })).toHaveCount(0);
  await page.goto(`${stage().address}/clusters/c0001/c0001/machines`);
  await expect(page.getByRole('grid', { name: 'Machines' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Add machine' })).toHaveCount(0);
});

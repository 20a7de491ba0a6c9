import { afterEach, expect, test, vi } from 'vitest';
import type { Cluster } from './types.gen';
import { ApiError } from './client';
import { clusters } from './kinds';
import { Conflict, respec } from './respec';

const cluster = (resourceVersion: string, generation: number): Cluster => ({
  metadata: { name: 'prod', namespace: 'prod', uid: 'u', resourceVersion, generation, creationTimestamp: '' },
  spec: { distro: 'k3s' },
});

/** An API that has this cluster, and takes only what goes by its version. */
function api(now: Cluster, refusal?: number) {
  const fetched = vi.fn(async (_path: string, init: RequestInit) => {
    if (init.method !== 'PUT') return Response.json(now);
    if (refusal) return Response.json({ message: 'no' }, { status: refusal });
    const sent = JSON.parse(String(init.body)) as Cluster;
    const fits = sent.metadata.resourceVersion === now.metadata.resourceVersion;
    return Response.json(fits ? sent : { message: 'old' }, { status: fits ? 200 : 409 });
  });
  vi.stubGlobal('fetch', fetched);
  return fetched;
}

afterEach(() => vi.unstubAllGlobals());

test('a new status in the meantime is no obstacle', async () => {
  const fetched = api(cluster('9', 3));
  expect((await respec(clusters, cluster('7', 3))).metadata.resourceVersion).toBe('9');
  expect(fetched).toHaveBeenCalledTimes(3);
});

test("somebody else's spec is", async () => {
  api(cluster('9', 4));
  const err = await respec(clusters, cluster('7', 3)).catch((refused: unknown) => refused);
  expect(err).toBeInstanceOf(Conflict);
  expect((err as Conflict<Cluster>).theirs.metadata.generation).toBe(4);
});

test('what the API refuses is not sent again', async () => {
  const fetched = api(cluster('7', 3), 422);
  await expect(respec(clusters, cluster('7', 3))).rejects.toBeInstanceOf(ApiError);
  expect(fetched).toHaveBeenCalledTimes(1);
});

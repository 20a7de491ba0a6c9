import { create } from '../api/change';
import { ApiError, request } from '../api/client';
import { clusters } from '../api/kinds';
import type { Cluster } from '../api/types.gen';
import type { Distro } from '../machines/invite';

/** What a new cluster is called and runs. */
export interface Wanted {
  name: string;
  /** None: called like the cluster. */
  namespace: string;
  distro: Distro;
}

/** The distributions that the agents can work with. */
export const distros: readonly Distro[] = ['k3s', 'rke2', 'etcd'];

/** The API's own rule for names of namespaces, which a cluster's has to keep to as well. */
const rule = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function goodName(name: string): boolean {
  return rule.test(name);
}

/**
 * Registers a cluster in a namespace of its own. What can't be made whole is not left half-made.
 *
 * @throws ApiError
 */
export async function register({ name, namespace, distro }: Wanted): Promise<Cluster> {
  const within = namespace === '' ? name : namespace;
  const made = await ensureNamespace(within);
  try {
    return await create(clusters, within, { metadata: { name }, spec: { distro } as Cluster['spec'] });
  } catch (err) {
    // What the API said counts, not how the cleaning went.
    if (made) await request(`/api/v1/namespaces/${within}`, { method: 'DELETE' }).catch(() => {});
    throw err;
  }
}

/** Makes a namespace, and says whether it was not there before. */
async function ensureNamespace(name: string): Promise<boolean> {
  try {
    await request('/api/v1/namespaces', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
    });
    return true;
  } catch (err) {
    // It is there; or the user may not make any, and finds out whether it is there in a moment.
    if (err instanceof ApiError && (err.code === 409 || err.code === 403)) return false;
    throw err;
  }
}

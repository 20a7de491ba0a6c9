import { request } from './client';
import { pathOf, type Kind, type Scope } from './kinds';
import type { KubeList, KubeObject } from './meta';

/** Objects at a version of the API from which a watch can go on. */
export interface Snapshot<T> {
  resourceVersion: string;
  items: T[];
}

/** Objects of one answer. A fleet of thousands comes in several. */
const pageSize = 500;

/** How often a list that the API could not finish, because it took too long, is begun again. */
const attempts = 3;

/**
 * Reads all objects of a kind.
 *
 * @throws ApiError
 */
export async function list<T extends KubeObject>(kind: Kind<T>, scope: Scope, signal?: AbortSignal): Promise<Snapshot<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(kind, scope, signal);
    } catch (err) {
      if (!expired(err) || attempt === attempts) throw err;
    }
  }
}

async function listOnce<T extends KubeObject>(kind: Kind<T>, scope: Scope, signal?: AbortSignal): Promise<Snapshot<T>> {
  const items: T[] = [];
  const query = new URLSearchParams({ limit: String(pageSize) });
  for (;;) {
    const page = await request<KubeList<T>>(`${pathOf(kind, scope)}?${query}`, signal ? { signal } : {});
    items.push(...page.items);
    if (!page.metadata.continue) return { resourceVersion: page.metadata.resourceVersion, items };
    query.set('continue', page.metadata.continue);
  }
}

/** Whether the API has forgotten the version that was asked for. */
export function expired(err: unknown): boolean {
  return typeof err === 'object' && err !== null && 'code' in err && err.code === 410;
}

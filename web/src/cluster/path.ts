import type { KubeObject } from '../api/meta';

/** The page's address of a cluster. */
export function pathOfCluster(cluster: Pick<KubeObject, 'metadata'>): string {
  const { namespace, name } = cluster.metadata;
  return `/clusters/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

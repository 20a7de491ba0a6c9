import type { Cluster } from '../api/types.gen';

/** The columns that the fleet can be sorted by. */
export const columns = ['name', 'version', 'machines', 'lastComplete', 'lastProven'] as const;

export type Column = (typeof columns)[number];

export interface Sorting {
  column: Column;
  direction: 'asc' | 'desc';
}

const keys: Record<Column, (cluster: Cluster) => string> = {
  name: ({ metadata }) => metadata.name,
  version: ({ spec, status }) => `${spec.distro} ${status?.observed?.kubernetesVersion ?? status?.observed?.etcdVersion ?? ''}`,
  machines: ({ status }) => String(status?.machines?.total ?? 0),
  lastComplete: ({ status }) => status?.lastComplete?.created ?? '',
  lastProven: ({ status }) => status?.lastProven?.created ?? '',
};

/** The clusters in the order that was asked for; as they come when none was. */
export function sorted(clusters: Cluster[], sorting: Sorting | undefined): Cluster[] {
  if (!sorting) return clusters;
  const key = keys[sorting.column];
  const sign = sorting.direction === 'asc' ? 1 : -1;
  return [...clusters].sort((a, b) => sign * key(a).localeCompare(key(b), undefined, { numeric: true }));
}

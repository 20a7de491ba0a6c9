import type { Cluster } from '../api/types.gen';
import { attention, type Concern } from './attention';

export type Distro = Cluster['spec']['distro'];

/** Which clusters are shown. */
export interface Filter {
  /** Part of a name, namespace, ID or version. */
  text: string;
  distro: Distro | undefined;
  concern: Concern | undefined;
}

export const emptyFilter: Filter = { text: '', distro: undefined, concern: undefined };

export function matches(cluster: Cluster, filter: Filter): boolean {
  if (filter.distro !== undefined && cluster.spec.distro !== filter.distro) return false;
  if (filter.concern !== undefined && !attention(cluster).some(({ concern }) => concern === filter.concern)) return false;
  return filter.text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words(cluster).some((text) => text.includes(word)));
}

function words(cluster: Cluster): string[] {
  const { metadata, spec, status } = cluster;
  return [
    metadata.name,
    metadata.namespace,
    spec.distro,
    status?.id,
    status?.observed?.kubernetesVersion,
    status?.observed?.etcdVersion,
  ]
    .filter((text) => text !== undefined)
    .map((text) => text.toLowerCase());
}

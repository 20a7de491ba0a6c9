import type { Cluster, EtcdSnapshot } from '../api/types.gen';
import type { Scope, Wanted } from './wanted';

/** Why a choice can't be served, as the key of a text. */
export type Reason = 'plainEtcd' | 'member' | 'noVersion' | 'noConfig';

/**
 * Why what was asked for can't bring more back than etcd's data; undefined when it can, as far as is known. It spares a plan that
 * would be refused: the manager decides.
 */
export function impossible(scope: Scope, cluster: Cluster, wanted: Wanted, snapshot?: EtcdSnapshot): Reason | undefined {
  if (scope === 'none') return undefined;
  if (cluster.spec.distro === 'etcd') return 'plainEtcd';
  if (wanted.kind === 'survivor' || wanted.kind === 'replace') return 'member';
  if (!snapshot) return undefined;
  if (!snapshot.spec.kubernetesVersion) return 'noVersion';
  return scope === 'all' && !snapshot.spec.configDigest && !snapshot.spec.config ? 'noConfig' : undefined;
}

import { call } from '../api/client';
import type { Cluster, Machine } from '../api/types.gen';

export type Role = Machine['spec']['roles'][number];
export type Distro = Cluster['spec']['distro'];

/** What a machine is asked in for. */
export interface Invitation {
  roles: Role[];
  lifeSeconds: number;
  /** The address that the machine reaches the manager at; none: the manager's own choice. */
  server?: string | undefined;
  /** A machine that may be taken over, as after it was set up anew. */
  replace?: string | undefined;
}

/** The line that has a machine join: it holds a token that is never shown again. */
export interface JoinLine {
  command: string;
  server: string;
  expires: string;
}

/**
 * Makes a join line. The manager keeps its token's hash in the name of whoever asks.
 *
 * @throws ApiError
 */
export async function invite(cluster: Cluster, invitation: Invitation): Promise<JoinLine> {
  const { namespace, name } = cluster.metadata;
  const path = `/v1/namespaces/${encodeURIComponent(namespace)}/clusters/${encodeURIComponent(name)}/invitations`;
  return (await (await call(path, 'POST', invitation)).json()) as JoinLine;
}

/** How long a line may be good for, in seconds: an hour unless somebody wants another. */
export const lives = [3_600, 8 * 3_600, 24 * 3_600] as const;

/** The roles that a cluster's machines can have. A plain etcd has one. */
export function rolesOf(distro: Distro): Role[] {
  return distro === 'etcd' ? ['etcd'] : ['etcd', 'control-plane', 'worker'];
}

/** What the first machine of a cluster usually is: of K3s and RKE2 a server. */
export function firstRoles(distro: Distro): Role[] {
  return distro === 'etcd' ? ['etcd'] : ['etcd', 'control-plane'];
}

import type { KubeObject } from './meta';
import type { Cluster, EtcdSnapshot, EtcdSnapshotRestore, EtcdSnapshotSave, EtcdSnapshotTask, Machine } from './types.gen';

/** A kind of objects, and where the API has them. T is what they look like. */
export interface Kind<T extends KubeObject> {
  group: string;
  version: string;
  plural: string;
  kind: string;
  /** Never set: it ties T to the value. */
  readonly example?: T;
}

function holdfast<T extends KubeObject>(kind: string, plural: string): Kind<T> {
  return { group: 'holdfast.dev', version: 'v1alpha1', kind, plural };
}

export const clusters = holdfast<Cluster>('Cluster', 'clusters');
export const machines = holdfast<Machine>('Machine', 'machines');
export const snapshots = holdfast<EtcdSnapshot>('EtcdSnapshot', 'etcdsnapshots');
export const saves = holdfast<EtcdSnapshotSave>('EtcdSnapshotSave', 'etcdsnapshotsaves');
export const restores = holdfast<EtcdSnapshotRestore>('EtcdSnapshotRestore', 'etcdsnapshotrestores');
export const tasks = holdfast<EtcdSnapshotTask>('EtcdSnapshotTask', 'etcdsnapshottasks');

/** A Secret, which the page only ever writes. */
export interface Secret extends KubeObject {
  stringData: Record<string, string>;
}

export const secrets: Kind<Secret> = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets' };

/** A Kubernetes event about one of the objects above. */
export interface KubeEvent extends KubeObject {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  firstTimestamp?: string;
  lastTimestamp?: string;
  eventTime?: string;
  involvedObject: { kind?: string; name?: string; namespace?: string };
  source?: { component?: string };
  reportingComponent?: string;
}

export const events: Kind<KubeEvent> = { group: '', version: 'v1', kind: 'Event', plural: 'events' };

/** What a machine renews for as long as it is there, under its own name. */
export interface Lease extends KubeObject {
  spec?: { renewTime?: string };
}

export const leases: Kind<Lease> = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases' };

/** Which objects of a kind. */
export interface Scope {
  /** None: of all namespaces. */
  namespace?: string;
}

/** The path of a kind's objects in the API. */
export function pathOf<T extends KubeObject>(kind: Kind<T>, scope: Scope = {}): string {
  const base = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const within = scope.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(scope.namespace)}`;
  return `${base}${within}/${kind.plural}`;
}

/** The path of one object. */
export function pathOfObject<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): string {
  return `${pathOf(kind, { namespace })}/${encodeURIComponent(name)}`;
}

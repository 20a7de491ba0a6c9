import type { EtcdSnapshot } from '../api/types.gen';

export type SnapshotState = NonNullable<NonNullable<EtcdSnapshot['status']>['state']>;
export type Copy = NonNullable<NonNullable<EtcdSnapshot['status']>['copies']>[number];

/** The files of one run: one snapshot for each node, each with its copies. */
export interface Backup {
  id: string;
  /** The moment of its first snapshot. */
  created: string;
  trigger: EtcdSnapshot['spec']['trigger'];
  kubernetesVersion: string | undefined;
  snapshots: EtcdSnapshot[];
  /** The state of the best copy of all. */
  state: SnapshotState;
  /** The size of the largest snapshot, in bytes as stored. */
  size: number;
  /** How many copies can be restored from, on nodes and in S3. */
  onNodes: number;
  inS3: number;
}

/** The states, the best first. */
export const states: readonly SnapshotState[] = [
  'proven',
  'restored',
  'checked',
  'complete',
  'unverified',
  'suspect',
  'damaged',
  'failed',
  'missing',
];

/** Whether a cluster may be restored from a copy in this state without a doubt. */
export function isGood(state: SnapshotState | undefined): boolean {
  return state !== undefined && states.indexOf(state) <= states.indexOf('complete');
}

/** Groups snapshots by the run that took them, the newest first. */
export function backups(snapshots: EtcdSnapshot[]): Backup[] {
  const groups = new Map<string, EtcdSnapshot[]>();
  for (const snapshot of snapshots) {
    const id = snapshot.spec.backup ?? snapshot.metadata.name;
    groups.set(id, [...(groups.get(id) ?? []), snapshot]);
  }
  return [...groups]
    .map(([id, members]) => backup(id, members))
    .sort((a, b) => b.created.localeCompare(a.created) || a.id.localeCompare(b.id));
}

function backup(id: string, members: EtcdSnapshot[]): Backup {
  const snapshots = [...members].sort((a, b) => (a.spec.node ?? '').localeCompare(b.spec.node ?? ''));
  const copies = snapshots.flatMap((snapshot) => snapshot.status?.copies ?? []).filter((copy) => isUsable(copy.state));
  return {
    id,
    created: snapshots.map(({ spec }) => spec.created).sort()[0] ?? '',
    trigger: snapshots.find(({ spec }) => spec.trigger)?.spec.trigger,
    kubernetesVersion: snapshots.find(({ spec }) => spec.kubernetesVersion)?.spec.kubernetesVersion,
    snapshots,
    state: best(snapshots.map(({ status }) => status?.state)),
    size: Math.max(0, ...snapshots.map(({ status }) => status?.size ?? 0)),
    onNodes: copies.filter((copy) => copy.machine).length,
    inS3: copies.filter((copy) => !copy.machine).length,
  };
}

/** The snapshot of a backup to restore from: the best tested that can be read; undefined when none can. */
export function bestOf({ snapshots }: Backup): EtcdSnapshot | undefined {
  return states
    .filter(isUsable)
    .flatMap((state) => snapshots.filter(({ status }) => status?.state === state && status.available !== 0))[0];
}

function isUsable(state: SnapshotState): boolean {
  return states.indexOf(state) <= states.indexOf('unverified');
}

function best(found: (SnapshotState | undefined)[]): SnapshotState {
  return states.find((state) => found.includes(state)) ?? 'missing';
}

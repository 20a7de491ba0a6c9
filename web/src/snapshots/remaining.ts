import type { EtcdSnapshot } from '../api/types.gen';
import { isGood, type Copy } from './backups';

/** A copy whose bytes would go. */
export interface Doomed {
  file: string;
  copy: Copy;
}

/** What a deletion takes, and what it leaves. */
export interface Deletion {
  copies: Doomed[];
  /** Bytes of all of them. */
  size: number;
  /** How many good snapshots are left. */
  left: number;
  /** The newest of those; undefined when the cluster could not be restored any more. */
  newest: EtcdSnapshot | undefined;
}

/** Says what is gone when the chosen ones of a cluster's snapshots are deleted. */
export function deletion(all: EtcdSnapshot[], chosen: EtcdSnapshot[]): Deletion {
  const names = new Set(chosen.map(({ metadata }) => metadata.name));
  const copies = chosen.flatMap((snapshot) =>
    (snapshot.status?.copies ?? [])
      .filter(({ state }) => state !== 'missing')
      .map((copy) => ({ file: snapshot.spec.file, copy })),
  );
  const left = all
    .filter(({ metadata, status }) => !names.has(metadata.name) && isGood(status?.state))
    .sort((a, b) => b.spec.created.localeCompare(a.spec.created));
  return { copies, size: copies.reduce((sum, { copy }) => sum + copy.size, 0), left: left.length, newest: left[0] };
}

/** The copies that a link can lead to: whole ones in S3. */
export function remoteCopies(snapshot: EtcdSnapshot): Copy[] {
  return (snapshot.status?.copies ?? []).filter(
    ({ machine, location, state }) =>
      !machine && location.startsWith('s3://') && !['damaged', 'failed', 'missing'].includes(state),
  );
}

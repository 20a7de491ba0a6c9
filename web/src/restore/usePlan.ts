import { useMutation } from '@tanstack/react-query';
import { patch } from '../api/change';
import { restores } from '../api/kinds';
import type { EtcdSnapshotRestore } from '../api/types.gen';
import { useToast } from '../app/toast';
import { patchOf, type Wanted } from './wanted';

/** Asks the manager for another plan in the place of one that nobody has approved. */
export function usePlan({ metadata }: EtcdSnapshotRestore) {
  const toast = useToast();
  return useMutation({
    mutationFn: (wanted: Wanted) => patch(restores, metadata.namespace, metadata.name, { spec: patchOf(wanted) }),
    onError: (err) => toast.failed('restore.plan', err),
  });
}

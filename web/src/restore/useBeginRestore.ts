import { useMutation } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { create } from '../api/change';
import { restores } from '../api/kinds';
import type { Cluster } from '../api/types.gen';
import { useToast } from '../app/toast';
import { pathOfCluster } from '../cluster/path';
import { specOf, wantedOf, type Spec } from './wanted';

/** Asks the manager what a restore would do, which touches nothing: nobody has approved it, and goes to where that is read and approved. */
export function useBeginRestore(cluster: Cluster) {
  const navigate = useNavigate();
  const toast = useToast();
  return useMutation({
    mutationFn: (spec: Spec) =>
      create(restores, cluster.metadata.namespace, {
        metadata: { generateName: 'restore-' },
        spec: specOf(wantedOf(spec)),
      }),
    onSuccess: ({ metadata }) => void navigate(pathOfRestore(cluster, metadata.name)),
    onError: (err) => toast.failed('action.restore', err),
  });
}

/** The page's address of a restore that nobody has approved. */
export function pathOfRestore(cluster: Cluster, name: string): string {
  return `${pathOfCluster(cluster)}/restores/${encodeURIComponent(name)}`;
}

import { useMutation } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { create } from '../api/change';
import { saves } from '../api/kinds';
import type { Cluster, EtcdSnapshotSave } from '../api/types.gen';
import { useToast } from '../app/toast';
import { pathOfCluster } from './path';

/** Asks for a snapshot of a cluster and goes to where it can be watched. */
export function useTakeSnapshot(cluster: Cluster) {
  const navigate = useNavigate();
  const toast = useToast();
  return useMutation({
    mutationFn: (spec: NonNullable<EtcdSnapshotSave['spec']>) =>
      create(saves, cluster.metadata.namespace, { metadata: { generateName: `${cluster.metadata.name}-` }, spec }),
    onSuccess: (save) => void navigate(`${pathOfCluster(cluster)}/operations/${save.metadata.name}`),
    onError: (err) => toast.failed('action.takeSnapshot', err),
  });
}

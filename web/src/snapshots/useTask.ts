import { useMutation } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { create } from '../api/change';
import { snapshots, tasks } from '../api/kinds';
import { useMay, wish, type Wish } from '../api/rights';
import type { Cluster, EtcdSnapshotTask } from '../api/types.gen';
import { pathOfCluster } from '../cluster/path';

/** Asks for a task and goes to where it can be watched. */
export function useTask(cluster: Cluster) {
  const navigate = useNavigate();
  return useMutation({
    mutationFn: (spec: EtcdSnapshotTask['spec']) =>
      create(tasks, cluster.metadata.namespace, { metadata: { generateName: `${cluster.metadata.name}-${spec.action}-` }, spec }),
    onSuccess: (task) => void navigate(`${pathOfCluster(cluster)}/operations/${task.metadata.name}`),
  });
}

/** What the user may do with the snapshots of a cluster. */
export interface SnapshotRights {
  verify: boolean;
  download: boolean;
  delete: boolean;
}

/** Deleting bytes takes the right to delete snapshots, however it is asked for: the API sees to that, too. */
export function useSnapshotRights({ metadata: { namespace } }: Cluster): SnapshotRights {
  const task = useMay(wish('create', tasks, namespace));
  const remove = useMay(wish('delete', snapshots, namespace));
  const linked: Wish = { ...wish('create', snapshots, namespace), subresource: 'download' };
  return { verify: task, download: useMay(linked), delete: task && remove };
}

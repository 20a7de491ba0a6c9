import { useMutation } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { create, patch } from '../api/change';
import { tasks } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster, EtcdSnapshotTask } from '../api/types.gen';
import { s3Of } from './draft';
import { anyKeys, drop, store, tie } from './keys';
import type { Editing } from './useDraft';

interface Asked {
  task: string;
  /** Keys that were stored for this test alone. */
  secret: string | undefined;
}

/** Tries a target from the nodes, as the form has it: before it is saved. */
export function useTargetTest(editing: Editing) {
  const { namespace } = editing.cluster.metadata;
  const [asked, setAsked] = useState<Asked>();
  const live = useLive(tasks, { namespace }, asked !== undefined);
  const task = live.items.find(({ metadata }) => metadata.name === asked?.task);
  const over = task !== undefined && ended(task);
  const secret = asked?.secret;
  useEffect(() => {
    // The nodes have read them. Left behind, they would go with the task.
    if (over && secret) void drop(namespace, secret).catch(() => {});
  }, [over, secret, namespace]);
  const ask = useMutation({ mutationFn: () => begin(editing), onMutate: () => setAsked(undefined), onSuccess: setAsked });
  return {
    start: ask.mutate,
    cancel: () => asked && void patch(tasks, namespace, asked.task, { spec: { cancel: true } }).catch(() => {}),
    error: ask.error,
    running: ask.isPending || (asked !== undefined && !over),
    task,
  };
}

export function ended(task: EtcdSnapshotTask): boolean {
  return ['Finished', 'Failed', 'Cancelled'].includes(task.status?.phase ?? '');
}

async function begin({ base, draft, keys }: Editing): Promise<Asked> {
  const { namespace, name } = base.metadata;
  const saved = base.spec.etcd?.s3;
  const fresh = draft.auth === 'keys' && anyKeys(keys);
  const target = (secret: string | undefined) => ({ action: 'testTarget' as const, s3: s3Of(saved, draft, secret) });
  const draftTask = (secret: string | undefined) => ({ metadata: { generateName: `${name}-` }, spec: target(secret) });
  // Refused before keys are stored for it.
  await create(tasks, namespace, draftTask(fresh ? 's3-test' : saved?.credentialSecretName), { dryRun: true });
  if (!fresh) return { task: await made(base, draftTask(saved?.credentialSecretName)), secret: undefined };
  const secret = await store(base, keys, 'test');
  try {
    const task = await create(tasks, namespace, draftTask(secret));
    await tie(namespace, secret, 'EtcdSnapshotTask', task);
    return { task: task.metadata.name, secret };
  } catch (err) {
    await drop(namespace, secret).catch(() => {});
    throw err;
  }
}

async function made(cluster: Cluster, draft: Parameters<typeof create<EtcdSnapshotTask>>[2]): Promise<string> {
  return (await create(tasks, cluster.metadata.namespace, draft)).metadata.name;
}

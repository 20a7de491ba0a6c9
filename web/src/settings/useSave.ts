import { useMutation } from '@tanstack/react-query';
import { clusters } from '../api/kinds';
import { respec } from '../api/respec';
import type { Cluster } from '../api/types.gen';
import { specOf } from './draft';
import { anyKeys, drop, dropOwn, store } from './keys';
import type { Editing } from './useDraft';

/** Saves the form: new keys into a Secret first, then the cluster's spec, which names it. */
export function useSave(editing: Editing) {
  return useMutation({ mutationFn: () => save(editing), onSuccess: editing.settle });
}

async function save({ base, draft, keys }: Editing): Promise<Cluster> {
  const before = base.spec.etcd?.s3?.credentialSecretName;
  const spec = (secret: string | undefined) => ({ ...base, spec: specOf(base.spec, draft, secret) });
  const fresh = draft.target === 's3' && draft.auth === 'keys' && anyKeys(keys);
  if (!fresh) {
    const saved = await respec(clusters, spec(before));
    if (before && draft.target === 's3' && draft.auth === 'role') await dropOwn(base, before);
    return saved;
  }
  // Refused before there are keys that nobody needs.
  await respec(clusters, spec('s3-credentials'), true);
  const secret = await store(base, keys, 'credentials');
  try {
    const saved = await respec(clusters, spec(secret));
    if (before) await dropOwn(base, before);
    return saved;
  } catch (err) {
    await drop(base.metadata.namespace, secret).catch(() => {});
    throw err;
  }
}

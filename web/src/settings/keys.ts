import { create, patch } from '../api/change';
import { ApiError, request } from '../api/client';
import { pathOfObject, secrets } from '../api/kinds';
import type { KubeObject, OwnerReference } from '../api/meta';
import type { Cluster } from '../api/types.gen';

/** Credentials as they were typed. They are held until they are sent, and never shown again. */
export interface Keys {
  access: string;
  secret: string;
  session: string;
}

export const noKeys: Keys = { access: '', secret: '', session: '' };

export function anyKeys({ access, secret, session }: Keys): boolean {
  return access !== '' || secret !== '' || session !== '';
}

/**
 * Puts keys into a Secret of their own and returns its name. Keys that are replaced get another Secret: so the nodes notice, and
 * until the Cluster names it nothing has changed.
 *
 * @throws ApiError
 */
export async function store(cluster: Cluster, keys: Keys, purpose: 'credentials' | 'test'): Promise<string> {
  const secret = await create(secrets, cluster.metadata.namespace, {
    metadata: { generateName: `s3-${purpose}-`, ownerReferences: [owner('Cluster', cluster)] },
    stringData: {
      accessKey: keys.access.trim(),
      secretKey: keys.secret.trim(),
      ...(keys.session.trim() === '' ? {} : { sessionToken: keys.session.trim() }),
    },
  });
  return secret.metadata.name;
}

/** Lets a Secret go with another object: when the page is closed too early, the API removes it with that. */
export async function tie(namespace: string, secret: string, kind: string, object: KubeObject): Promise<void> {
  await patch(secrets, namespace, secret, { metadata: { ownerReferences: [owner(kind, object)] } });
}

/** Removes a Secret; one that is gone is gone. */
export async function drop(namespace: string, name: string): Promise<void> {
  try {
    await request(pathOfObject(secrets, namespace, name), { method: 'DELETE' });
  } catch (err) {
    if (!(err instanceof ApiError) || err.code !== 404) throw err;
  }
}

/** Removes a Secret that nobody needs any more, if it was made for this cluster: what somebody made by hand stays. */
export async function dropOwn(cluster: Cluster, name: string): Promise<void> {
  const { namespace, uid } = cluster.metadata;
  const { metadata } = await request<KubeObject>(pathOfObject(secrets, namespace, name), {
    // Without the keys: nobody looks at them.
    headers: { Accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
  });
  if (metadata.ownerReferences?.some((each) => each.uid === uid && each.controller)) await drop(namespace, name);
}

function owner(kind: string, { metadata }: KubeObject): OwnerReference {
  return { apiVersion: 'holdfast.dev/v1alpha1', kind, name: metadata.name, uid: metadata.uid, controller: true };
}

import { replace } from './change';
import { ApiError, request } from './client';
import { pathOfObject, type Kind } from './kinds';
import type { KubeObject } from './meta';

/** How often an update is sent again that lost against one of the status, which the manager writes all the time. */
const attempts = 5;

/** Somebody else has changed an object's spec since it was read. */
export class Conflict<T extends KubeObject> extends Error {
  constructor(
    /** The object as that one left it. */
    readonly theirs: T,
  ) {
    super('changed by somebody else');
    this.name = 'Conflict';
  }
}

/**
 * Replaces an object whose spec was changed. A new status in the meantime is no obstacle, somebody else's spec is.
 *
 * @throws ApiError
 * @throws Conflict
 */
export async function respec<T extends KubeObject>(kind: Kind<T>, changed: T, dryRun = false): Promise<T> {
  let object = changed;
  for (let attempt = 1; ; attempt++) {
    try {
      return await replace(kind, object, { dryRun });
    } catch (err) {
      if (!(err instanceof ApiError) || err.code !== 409 || attempt === attempts) throw err;
    }
    const { namespace, name, generation } = changed.metadata;
    const now = await request<T>(pathOfObject(kind, namespace, name));
    // The API counts a generation for each change of spec, and for nothing else.
    if (now.metadata.generation !== generation) throw new Conflict(now);
    object = { ...changed, metadata: { ...changed.metadata, resourceVersion: now.metadata.resourceVersion } };
  }
}

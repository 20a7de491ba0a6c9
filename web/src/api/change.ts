import { request } from './client';
import { pathOf, pathOfObject, type Kind } from './kinds';
import type { KubeObject, ObjectMeta } from './meta';

/** An object that is still to be made: the API gives it a name from generateName. */
export type Draft<T extends KubeObject> = Omit<T, 'metadata' | 'status' | 'apiVersion' | 'kind'> & {
  metadata: Partial<ObjectMeta> & { generateName?: string };
};

/** How a change is sent. */
export interface ChangeOptions {
  /** The API checks it and changes nothing. */
  dryRun?: boolean;
}

/**
 * Makes an object.
 *
 * @throws ApiError
 */
export function create<T extends KubeObject>(
  kind: Kind<T>,
  namespace: string,
  draft: Draft<T>,
  options: ChangeOptions = {},
): Promise<T> {
  return request<T>(`${pathOf(kind, { namespace })}?${parameters(options)}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ apiVersion: apiVersion(kind), kind: kind.kind, ...draft }),
  });
}

/**
 * Replaces an object. Somebody else's change since it was read is refused with code 409, not undone.
 *
 * @throws ApiError
 */
export function replace<T extends KubeObject>(kind: Kind<T>, object: T, options: ChangeOptions = {}): Promise<T> {
  const { namespace, name } = object.metadata;
  return request<T>(`${pathOfObject(kind, namespace, name)}?${parameters(options)}`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...object, apiVersion: apiVersion(kind), kind: kind.kind }),
  });
}

/**
 * Changes some fields of an object (a JSON merge patch).
 *
 * @throws ApiError
 */
export function patch<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string, change: object): Promise<T> {
  return request<T>(`${pathOfObject(kind, namespace, name)}?${parameters({})}`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/merge-patch+json' },
    body: JSON.stringify(change),
  });
}

function apiVersion<T extends KubeObject>(kind: Kind<T>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

// Strict: a field that the API does not know is refused, not dropped.
function parameters(options: ChangeOptions): URLSearchParams {
  const query = new URLSearchParams({ fieldManager: 'holdfast-page', fieldValidation: 'Strict' });
  if (options.dryRun) query.set('dryRun', 'All');
  return query;
}

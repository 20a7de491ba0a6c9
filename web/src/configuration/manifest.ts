import { same } from './equal';
import { parseDocument, stringify, type Document } from 'yaml';
import type { Cluster } from '../api/types.gen';

type Spec = Cluster['spec'];

/** A Cluster as people write one: without what only the API writes. */
export function manifest({ metadata, spec }: Cluster): string {
  const { name, namespace } = metadata;
  const whole = { apiVersion: 'holdfast.dev/v1alpha1', kind: 'Cluster', metadata: { name, namespace }, spec };
  return stringify(whole, { lineWidth: 0 });
}

/** A manifest that says something else about whether there is a snapshot before a change. Remarks and order stay. */
export function withPreChange(text: string, on: boolean): string {
  const document = parseDocument(text);
  document.setIn(['spec', 'etcd', 'snapshotBeforeChange'], on);
  return document.toString({ lineWidth: 0 });
}

/** The spec in a document that was found to be good. */
export function specIn(document: Document): Spec {
  return (document.toJS() as { spec: Spec }).spec;
}

/** Whether a change is one that a snapshot is taken before (requirement S6). */
export function isChange(before: Spec, after: Spec): boolean {
  return before.kubernetesVersion !== after.kubernetesVersion || !same(before.config, after.config);
}

/** One field that differs; undefined where it was not, or is no more. */
export interface Difference {
  path: string;
  before: unknown;
  after: unknown;
}

/** The fields in which two values differ, the innermost ones. Lists count as a whole. */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (same(before, after)) return [];
  if (!isGroup(before) || !isGroup(after)) {
    // A group that comes or goes is told field by field, as one that changes is.
    if (isGroup(before) && after === undefined) return differences(before, {}, path);
    if (before === undefined && isGroup(after)) return differences({}, after, path);
    return [{ path, before, after }];
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => differences(before[key], after[key], path === '' ? key : `${path}.${key}`));
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

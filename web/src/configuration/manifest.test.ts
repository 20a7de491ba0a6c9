import { expect, test } from 'vitest';
import type { Cluster } from '../api/types.gen';
import { fieldPath, judge, place } from './judge';
import { differences, isChange, manifest, specIn, withPreChange } from './manifest';

const cluster: Cluster = {
  metadata: { name: 'prod', namespace: 'prod', uid: 'u', resourceVersion: '7', creationTimestamp: '2026-11-23T00:00:00Z' },
  spec: { distro: 'rke', etcd: { verify: 'restore', snapshotRetention: 6 } },
  status: { id: 'c-9dmxz' },
};

const fixed = { name: 'prod', namespace: 'prod' };
const text = manifest(cluster);

const found = (edited: string) => judge(edited, fixed).problems.map(({ line, message, unknown }) => ({ line, message, unknown }));

test('a manifest has what a person writes, and says the same when it is read', () => {
  expect(text).not.toContain('resourceVersion');
  expect(text).not.toContain('status');
  const judged = judge(text, fixed);
  expect(judged.problems).toEqual([]);
  expect(specIn(judged.document)).toEqual(cluster.spec);
});

test('safeTimestamp may be set', () => {
  expect(found(text.replace('verify:', 'safeTimestamp: true\n    verify:'))).toEqual([]);
});

test('what the schema does not allow is marked where it stands', () => {
  expect(found(text.replace('verify: restore', 'verify: never'))).toMatchObject([{ line: 9 }]);
  expect(found(text.replace('snapshotRetention: 6', 'snapshotRetention: many'))).toMatchObject([{ line: 10 }]);
  expect(found(text.replace('verify:', 'verfy:'))).toMatchObject([{ line: 9, unknown: 'verfy' }]);
  expect(found(text.replace('name: prod', 'name: other'))).toMatchObject([{ line: 4 }]);
  expect(found(`${text}\n  [`)).not.toEqual([]);
  expect(found('')).not.toEqual([]);
});

test("the API's words stand at their field, or at what is around it", () => {
  const judged = judge(text, fixed);
  const at = (field: string) => place(judged, [{ field, message: 'no' }])[0]?.line;
  expect(at('spec.etcd.snapshotRetention')).toBe(10);
  expect(at('spec.etcd.s3.bucket')).toBe(8);
  expect(at('<nil>')).toBe(1);
  expect(fieldPath('spec.escrowRecipients[1]')).toEqual(['spec', 'escrowRecipients', 1]);
});

test('a change of version or configuration is one that a snapshot is taken before', () => {
  expect(isChange(cluster.spec, { ...cluster.spec, etcd: {} })).toBe(false);
  expect(isChange(cluster.spec, { ...cluster.spec, kubernetesVersion: 'v1.35.0' })).toBe(true);
  expect(isChange(cluster.spec, { ...cluster.spec, config: { rke: { clusterYML: '' } } })).toBe(true);
  const off = judge(withPreChange(`# mine\n${text}`, false), fixed);
  expect(specIn(off.document).etcd?.snapshotBeforeChange).toBe(false);
  expect(String(off.document)).toContain('# mine');
});

test('what differs is told field by field', () => {
  expect(differences({ a: 1, b: { c: 2, d: [1] } }, { a: 1, b: { d: [2] }, e: { f: 3 } }, 'spec')).toEqual([
    { path: 'spec.b.c', before: 2, after: undefined },
    { path: 'spec.b.d', before: [1], after: [2] },
    { path: 'spec.e.f', before: undefined, after: 3 },
  ]);
});

import { expect, test } from 'vitest';
import type { Cluster, EtcdSnapshot } from '../api/types.gen';
import { impossible } from './scope';
import { wantedOf } from './wanted';

const metadata = { name: 'c', namespace: 'c', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
const cluster = (distro: Cluster['spec']['distro']): Cluster => ({ metadata, spec: { distro } });
const taken = (facts: Partial<EtcdSnapshot['spec']>): EtcdSnapshot => ({ metadata, spec: { file: 'f', created: '', ...facts } });
const wanted = wantedOf({ source: { latestProven: true } });

test('a plain etcd has no version and no configuration to bring back', () => {
  expect(impossible('none', cluster('etcd'), wanted)).toBeUndefined();
  expect(impossible('kubernetesVersion', cluster('etcd'), wanted)).toBe('plainEtcd');
});

test('a member goes on with what it runs', () => {
  expect(impossible('all', cluster('k3s'), { ...wanted, kind: 'survivor' })).toBe('member');
});

test('a snapshot brings back what it carries', () => {
  const version = taken({ kubernetesVersion: 'v1.36.3+k3s1' });
  const all = taken({ kubernetesVersion: 'v1.36.3+k3s1', configDigest: 'x' });
  expect(impossible('kubernetesVersion', cluster('k3s'), wanted, taken({}))).toBe('noVersion');
  expect(impossible('kubernetesVersion', cluster('k3s'), wanted, version)).toBeUndefined();
  expect(impossible('all', cluster('k3s'), wanted, version)).toBe('noConfig');
  expect(impossible('all', cluster('k3s'), wanted, all)).toBeUndefined();
});

test('what is not known is left to the manager', () => {
  expect(impossible('all', cluster('k3s'), wanted)).toBeUndefined();
});

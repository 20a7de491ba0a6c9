import { expect, test } from 'vitest';
import type { Cluster } from '../api/types.gen';
import { progressOf } from './next';

const hour = 3_600_000;
const now = Date.parse('2026-11-23T02:00:00Z');

function cluster(age: number, spec: object, status: object): Cluster {
  const creationTimestamp = new Date(now - age).toISOString();
  return { metadata: { creationTimestamp }, spec: { distro: 'k3s', ...spec }, status } as unknown as Cluster;
}

const working = { machines: { total: 3 }, lastComplete: { created: '2026-11-23T01:00:00Z' } };

test('a cluster that was just registered has everything before it', () => {
  expect(progressOf(cluster(0, {}, {}), now)).toEqual({ machines: false, snapshot: false, target: false, escrow: false });
});

test('a cluster that works is told what else it may want for a day, and then left alone', () => {
  expect(progressOf(cluster(hour, {}, working), now)).toEqual({ machines: true, snapshot: true, target: false, escrow: false });
  expect(progressOf(cluster(25 * hour, {}, working), now)).toBeUndefined();
});

test('a cluster without machines is not left alone, however old it is', () => {
  expect(progressOf(cluster(1000 * hour, {}, {}), now)).toBeDefined();
});

test('a cluster that has everything is left alone at once', () => {
  const spec = { escrowRecipients: ['age1x'], etcd: { s3: { bucket: 'b', endpoint: 'e' } } };
  expect(progressOf(cluster(0, spec, working), now)).toBeUndefined();
  const broken = { ...working, conditions: [{ type: 'Offsite', status: 'False', reason: 'x', message: '' }] };
  expect(progressOf(cluster(0, spec, broken), now)).toMatchObject({ target: false });
});

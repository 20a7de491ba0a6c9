import { expect, test } from 'vitest';
import type { EtcdSnapshotRestore } from '../api/types.gen';
import { awaitsApproval, phases, progress, type Operation } from './operation';

type Status = NonNullable<EtcdSnapshotRestore['status']>;

function restore(status: Status, approvedPlan?: string): Operation {
  const metadata = { name: 'r', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const spec = { source: { latestProven: true }, ...(approvedPlan && { approvedPlan }) };
  return { kind: 'restore', object: { metadata, spec, status } };
}

const steps = (...kinds: string[]): NonNullable<Status['steps']> =>
  kinds.map((step, i) => ({ machine: 'a', step, id: String(i), outcome: 'Done' as const }));

const shown = (operation: Operation) => phases(operation).map((phase) => progress(operation, phase));

test('a restore that goes on is in its phase', () => {
  expect(shown(restore({ phase: 'Shutdown' }))).toEqual(['done', 'current', 'pending', 'pending', 'pending']);
  expect(shown(restore({ phase: 'Finished' }))).toEqual(['done', 'done', 'done', 'done', 'done']);
});

test('a restore that failed is shown where it failed', () => {
  const failed = restore({ phase: 'Failed', started: 'x', steps: steps('Preflight', 'StopDistro', 'MoveAside') });
  expect(shown(failed)).toEqual(['done', 'done', 'failed', 'pending', 'pending']);
});

test('a restore that ended before it began has come nowhere', () => {
  expect(shown(restore({ phase: 'Cancelled', steps: steps('Preflight') }))[0]).toBe('failed');
});

test('a plan awaits approval until somebody approves it or it ends', () => {
  expect(awaitsApproval(restore({ phase: 'Pending' }))).toBe(true);
  expect(awaitsApproval(restore({ phase: 'Pending' }, 'sha256:1'))).toBe(false);
  expect(awaitsApproval(restore({ phase: 'Cancelled' }))).toBe(false);
});

import { expect, test } from 'vitest';
import type { EtcdSnapshotRestore } from '../api/types.gen';
import { differing, explanation, looked, readiness, type Check, type Plan } from './plan';

const check = (name: string, machine: string, outcome: Check['outcome']): Check => ({ check: name, machine, outcome });

function restore(
  observedGeneration: number,
  planned: 'True' | 'Unknown',
  reason: string,
  preflight: Check[],
): EtcdSnapshotRestore {
  const metadata = { name: 'r', namespace: 'n', uid: 'u', resourceVersion: '1', generation: 2, creationTimestamp: '' };
  const conditions = [{ type: 'Planned', status: planned, reason, message: '', lastTransitionTime: '' }];
  const plan: Plan = { verdict: 'NoRestoreNeeded', digest: 'sha256:1' };
  return { metadata, spec: { source: { latestProven: true } }, status: { observedGeneration, conditions, plan, preflight } };
}

test('a plan can be approved only when it is of what was asked for, and every check has an answer', () => {
  const passed = [check('DiskSpace', 'a', 'Passed')];
  expect(readiness(restore(1, 'True', 'Ready', passed))).toBe('outdated');
  expect(readiness(restore(2, 'Unknown', 'Checking', passed))).toBe('checking');
  expect(readiness(restore(2, 'True', 'Refused', passed))).toBe('refused');
  expect(readiness(restore(2, 'True', 'Ready', [check('AgentAnswers', 'a', 'Failed')]))).toBe('refused');
  expect(readiness(restore(2, 'True', 'Ready', passed))).toBe('ready');
  const { metadata, spec } = restore(2, 'True', 'Ready', passed);
  expect(readiness({ metadata, spec })).toBe('outdated');
});

test('the worst checks come first, and what would differ is no check', () => {
  const checks = [
    check('DiskSpace', 'a', 'Passed'),
    check('ConfigChanges', 'a', 'Passed'),
    check('Changes', 'b', 'Passed'),
    check('AgentAnswers', 'b', 'Failed'),
    check('EtcdVersion', 'a', 'Warning'),
  ];
  expect(looked(checks).map((each) => each.check)).toEqual(['AgentAnswers', 'EtcdVersion', 'DiskSpace']);
  expect(differing(checks).map((each) => each.check)).toEqual(['Changes', 'ConfigChanges']);
});

test('a plan says everything once', () => {
  const plan: Plan = {
    verdict: 'NoRestoreNeeded',
    text: ['Verdict: NoRestoreNeeded. Etcd is healthy.', 'Restores x.', 'a: Restore: it holds the snapshot.', 'etcd works'],
    warnings: ['etcd works'],
    machines: [{ machine: 'a', action: 'Restore', reason: 'it holds the snapshot' }],
  };
  expect(explanation(plan)).toEqual(['Restores x.']);
});

import { expect, test } from 'vitest';
import { draftOf, isAdvanced, rebase, specOf, type Spec } from './draft';

const full: Spec = {
  distro: 'rke',
  kubernetesVersion: 'v1.34.2',
  escrowRecipients: ['age1a', 'age1b'],
  etcd: {
    snapshotScheduler: 'holdfast',
    snapshotIntervalHours: 12,
    snapshotRetention: 6,
    safeTimestamp: true,
    snapshotBeforeChange: false,
    verify: 'content',
    minFree: '2Gi',
    s3: { endpoint: 's3.example.com', bucket: 'b', folder: 'f', credentialSecretName: 's', timeout: '5m', bucketLookup: 'auto' },
  },
};

test('what was not touched is saved as it was, also what the form has no field for', () => {
  expect(specOf(full, draftOf(full), 's')).toEqual(full);
  const bare: Spec = { distro: 'k3s', etcd: { verify: 'restore' } };
  expect(specOf(bare, draftOf(bare), undefined)).toEqual(bare);
});

test('what is no number goes to the API as it is, so that it says so', () => {
  const { etcd } = specOf(full, { ...draftOf(full), retention: 'many' }, 's');
  expect(etcd?.snapshotRetention).toBe('many');
});

test('a role takes the place of keys, and a local target that of S3', () => {
  expect(specOf(full, { ...draftOf(full), auth: 'role' }, 's').etcd?.s3).not.toHaveProperty('credentialSecretName');
  expect(specOf(full, { ...draftOf(full), target: 'local' }, 's').etcd).not.toHaveProperty('s3');
});

test('edits go on top of what somebody else has changed', () => {
  const before = draftOf(full);
  const theirs = { ...before, retention: '9', bucket: 'theirs' };
  expect(rebase({ ...before, bucket: 'mine' }, before, theirs)).toEqual({ ...theirs, bucket: 'mine' });
});

test('advanced options are shown where any is set', () => {
  expect(isAdvanced(draftOf({ distro: 'k3s', etcd: { verify: 'restore' } }))).toBe(false);
  expect(isAdvanced(draftOf(full))).toBe(true);
});

import { expect, test } from 'vitest';
import type { EtcdSnapshot } from '../api/types.gen';
import { deletion, remoteCopies } from './remaining';

function snapshot(name: string, created: string, state: string, copies: object[]): EtcdSnapshot {
  return { metadata: { name }, spec: { file: `${name}.db`, created }, status: { state, copies } } as unknown as EtcdSnapshot;
}

const local = { machine: 'a', location: '/s/x', state: 'proven', size: 10 };
const remote = { location: 's3://b/x', state: 'complete', size: 7 };

const older = snapshot('older', '2026-11-22T02:00:00Z', 'proven', [local]);
const newer = snapshot('newer', '2026-11-23T02:00:00Z', 'checked', [local, remote]);
const broken = snapshot('broken', '2026-11-23T03:00:00Z', 'damaged', [{ ...local, state: 'damaged' }]);
const all = [older, newer, broken];

test('a deletion takes every copy of what was chosen, and the newest good snapshot that is left is named', () => {
  const { copies, size, left, newest } = deletion(all, [newer]);
  expect(copies.map(({ copy }) => copy.location)).toEqual(['/s/x', 's3://b/x']);
  expect({ size, left, newest: newest?.metadata.name }).toEqual({ size: 17, left: 1, newest: 'older' });
});

test('damaged snapshots do not count as what is left', () => {
  expect(deletion(all, [older, newer])).toMatchObject({ left: 0, newest: undefined });
});

test('a copy that is not there any more is not deleted', () => {
  const gone = snapshot('gone', '2026-11-20T02:00:00Z', 'missing', [{ ...local, state: 'missing' }]);
  expect(deletion([gone], [gone]).copies).toEqual([]);
});

test('only what lies whole in S3 can be downloaded', () => {
  expect(remoteCopies(newer)).toEqual([remote]);
  expect(remoteCopies(older)).toEqual([]);
  expect(remoteCopies(snapshot('x', '', 'damaged', [{ ...remote, state: 'damaged' }]))).toEqual([]);
});

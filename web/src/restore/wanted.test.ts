import { expect, test } from 'vitest';
import { isSame, localOf, missing, patchOf, specOf, wantedOf, type Wanted } from './wanted';

const latest = wantedOf({ source: { latestProven: true } });
const wanting = (change: Partial<Wanted>): Wanted => ({ ...latest, ...change });

test('what a restore asks for is asked for again', () => {
  const spec = {
    source: { snapshot: 'nightly' },
    restoreRKEConfig: 'all' as const,
    safetySnapshot: false,
    onFailure: 'hold' as const,
    initMachine: 'b',
    excludeMachines: ['c'],
  };
  expect(specOf(wantedOf(spec))).toEqual(spec);
});

test('a safety snapshot is taken, and failures roll back, unless somebody says otherwise', () => {
  expect(specOf(latest)).toEqual({
    source: { latestProven: true },
    restoreRKEConfig: 'none',
    safetySnapshot: true,
    onFailure: 'rollback',
  });
});

test('a moment is local in the field and has a zone in the API', () => {
  const at = '2026-11-22T02:00';
  const spec = specOf(wanting({ kind: 'at', at }));
  expect(spec.source).toEqual({ at: new Date(2026, 10, 22, 2, 0).toISOString().replace('.000', '') });
  expect(wantedOf(spec).at).toBe(at);
  expect(localOf(new Date(2026, 0, 2, 3, 4))).toBe('2026-01-02T03:04');
});

test('a patch takes back what was asked for before', () => {
  expect(patchOf(wanting({ kind: 'survivor', survivor: 'a' }))).toMatchObject({
    initMachine: null,
    excludeMachines: null,
    source: { latestProven: null, snapshot: null, at: null, file: null, s3URI: null, replace: null, survivor: 'a' },
  });
});

test.each<[Partial<Wanted>, ReturnType<typeof missing>]>([
  [{}, undefined],
  [{ kind: 'snapshot' }, 'snapshot'],
  [{ kind: 'snapshot', snapshot: 'nightly' }, undefined],
  [{ kind: 'at', at: '' }, 'at'],
  [{ kind: 'at', at: '2026-11-22T02:00' }, undefined],
  [{ kind: 'file', file: '' }, 'file'],
  [{ kind: 'file', file: 'nightly-a-1' }, undefined],
  [{ kind: 'file', file: '/srv/nightly' }, 'holder'],
  [{ kind: 'file', file: '/srv/nightly', initMachine: 'a' }, undefined],
  [{ kind: 's3URI', s3URI: 'https://bucket/file' }, 's3URI'],
  [{ kind: 's3URI', s3URI: 's3://bucket/folder/file' }, undefined],
  [{ kind: 'replace', survivor: 'a' }, 'replace'],
])('%j lacks %s', (change, lacks) => {
  expect(missing(wanting(change))).toBe(lacks);
});

test('what was typed for another source makes no difference', () => {
  expect(isSame(latest, wanting({ snapshot: 'nightly', file: 'x' }))).toBe(true);
  expect(isSame(latest, wanting({ scope: 'all' }))).toBe(false);
  expect(isSame(latest, wanting({ kind: 'snapshot' }))).toBe(false);
});

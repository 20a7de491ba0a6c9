import { expect, test } from 'vitest';
import type { Condition } from '../api/meta';
import type { Cluster } from '../api/types.gen';
import { attention, byUrgency, worst } from './attention';

function cluster(
  name: string,
  conditions: Record<string, [Condition['status'], string?]>,
  status: Partial<Cluster['status']> = {},
): Cluster {
  return {
    metadata: { name, namespace: name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-02T03:04:05Z' },
    spec: { distro: 'k3s', etcd: {} },
    status: {
      conditions: Object.entries(conditions).map(([type, [state, reason]]) => ({
        type,
        status: state,
        reason: reason ?? 'Seen',
        message: `${type} in words`,
        lastTransitionTime: '2026-01-02T03:04:05Z',
      })),
      ...status,
    },
  };
}

const reference = { name: 'a', file: 'a', created: '2026-01-02T03:04:05Z' };
const healthy = {
  Ready: ['True'],
  Protected: ['True', 'AsPromised'],
  Scheduled: ['True'],
  Offsite: ['True'],
  Escrowed: ['True'],
} as const;
const spread = (over: Record<string, [Condition['status'], string?]> = {}) =>
  ({ ...healthy, ...over }) as unknown as Record<string, [Condition['status'], string?]>;

test('a cluster that has all that its schedule promises needs no attention', () => {
  const found = attention(cluster('a', spread(), { lastComplete: reference, lastProven: reference }));
  expect(found).toEqual([]);
  expect(worst(found)).toBeUndefined();
});

test('a cluster that nobody has looked at yet needs none', () => {
  expect(attention(cluster('a', {}))).toEqual([]);
});

test.each([
  ['noSnapshot', spread({ Protected: ['False', 'NoSnapshot'] }), {}, 'danger'],
  ['overdue', spread({ Protected: ['False', 'Overdue'] }), {}, 'danger'],
  ['notReady', spread({ Ready: ['False'] }), {}, 'danger'],
  ['noSchedule', spread({ Scheduled: ['False'] }), {}, 'warning'],
  ['notProven', spread(), { lastComplete: reference }, 'warning'],
  ['localOnly', spread({ Offsite: ['False'] }), {}, 'warning'],
  ['noEscrow', spread({ Escrowed: ['False'] }), {}, 'note'],
  ['drifted', spread({ Drifted: ['True'] }), {}, 'note'],
] as const)('%s is seen', (concern, conditions, status, level) => {
  const found = attention(cluster('a', conditions, status));
  expect(found.map((each) => each.concern)).toEqual([concern]);
  expect(worst(found)).toBe(level);
});

test('whoever needs attention most comes first', () => {
  const all = [
    cluster('b-good', spread()),
    cluster('a-good', spread()),
    cluster('local', spread({ Offsite: ['False'] })),
    cluster('late', spread({ Protected: ['False', 'Overdue'], Offsite: ['False'] })),
  ];
  expect(all.sort(byUrgency).map(({ metadata }) => metadata.name)).toEqual(['late', 'local', 'a-good', 'b-good']);
});

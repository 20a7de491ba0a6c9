import { expect, test } from 'vitest';
import { verdicts } from './verdicts';

test('each right has its verdict on each machine, and what several say stands once', () => {
  const found = verdicts([
    { machine: 'b', subject: 'write', outcome: 'failed', message: 'denied' },
    { machine: 'b', subject: 'list', outcome: 'skipped', message: 'needs write' },
    { machine: 'a', subject: 'write', outcome: 'failed', message: 'denied' },
    { machine: 'a', subject: 'list', outcome: 'passed' },
  ]);
  expect(found.machines).toEqual(['a', 'b']);
  expect(found.rights).toEqual(['write', 'list']);
  expect(found.at('list', 'b')?.outcome).toBe('skipped');
  expect(found.problems).toEqual([{ machines: ['b', 'a'], rights: ['write'], message: 'denied' }]);
  expect(found.passed).toBe(false);
});

test('nothing tried is nothing passed', () => {
  expect(verdicts([]).passed).toBe(false);
  expect(verdicts([{ machine: 'a', subject: 'write', outcome: 'passed' }]).passed).toBe(true);
});

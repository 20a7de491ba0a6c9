import { beforeEach, expect, test } from 'vitest';
import { keepNamespaces, knownNamespaces } from './namespaces';

beforeEach(() => localStorage.clear());

test('a service account begins with its own namespace', () => {
  expect(knownNamespaces({ name: 'system:serviceaccount:prod:night-shift' })).toEqual(['prod']);
});

test('nobody is led to the namespace of the manager itself', () => {
  expect(knownNamespaces({ name: 'system:serviceaccount:holdfast-system:somebody' })).toEqual([]);
  expect(knownNamespaces({ name: 'jane@example.com' })).toEqual([]);
});

test('what was asked for is remembered, each once', () => {
  keepNamespaces(['prod', 'staging']);
  expect(knownNamespaces({ name: 'system:serviceaccount:prod:night-shift' })).toEqual(['prod', 'staging']);
});

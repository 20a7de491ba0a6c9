import { keep, kept } from '../app/preferences';
import type { User } from '../session/session';

/** The namespaces that somebody who may not see the whole fleet has asked for, and a service account's own. */
export function knownNamespaces(user: User): string[] {
  const own = /^system:serviceaccount:([^:]+):/.exec(user.name)?.[1];
  const asked = (kept('namespaces') ?? '').split(' ');
  // The manager's own namespace has no cluster in it.
  return [...new Set([...asked, own ?? ''])].filter((name) => name !== '' && name !== 'holdfast-system');
}

/** Remembers the namespaces for this browser's next visit. */
export function keepNamespaces(names: string[]): void {
  keep('namespaces', names.join(' '));
}

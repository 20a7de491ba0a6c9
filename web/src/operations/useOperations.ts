import { useMemo } from 'react';
import { restores, saves, tasks } from '../api/kinds';
import { useLive, type Live } from '../api/query';
import { newestFirst, type Operation } from './operation';

/** All that was ever asked for in a namespace, the newest first. */
export function useOperations(namespace: string): Live<Operation> {
  const saved = useLive(saves, { namespace });
  const restored = useLive(restores, { namespace });
  const other = useLive(tasks, { namespace });
  const items = useMemo(
    () =>
      [
        ...saved.items.map((object): Operation => ({ kind: 'save', object })),
        ...restored.items.map((object): Operation => ({ kind: 'restore', object })),
        ...other.items.map((object): Operation => ({ kind: 'task', object })),
      ].sort(newestFirst),
    [saved.items, restored.items, other.items],
  );
  const all = [saved, restored, other];
  return {
    items,
    loading: all.some((each) => each.loading),
    error: all.find((each) => each.error)?.error ?? null,
    stale: all.some((each) => each.stale),
    retry: () => all.forEach((each) => each.retry()),
  };
}

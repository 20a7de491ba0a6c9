import { QueryClient, useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiError } from './client';
import { pathOf, type Kind, type Scope } from './kinds';
import { changed, follow, type Link } from './live';
import { list, type Snapshot } from './list';
import type { KubeObject } from './meta';

/** The page's cache of the API. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // Watches keep lists up to date, not time.
        staleTime: Infinity,
        refetchOnWindowFocus: false,
        retry: (count, err) => count < 3 && err instanceof ApiError && err.passing,
      },
    },
  });
}

/** A list that keeps itself up to date. */
export interface Live<T> {
  items: T[];
  /** True until the first answer. */
  loading: boolean;
  /** Why there is nothing to show. */
  error: ApiError | Error | null;
  /** Whether what is shown may be old, because the API does not answer at the moment. */
  stale: boolean;
  /** Asks again after an error. */
  retry: () => void;
}

/** The objects of a kind, up to date for as long as something on the page shows them. */
export function useLive<T extends KubeObject>(kind: Kind<T>, scope: Scope = {}, enabled = true): Live<T> {
  const path = pathOf(kind, scope);
  const query = useQuery({
    queryKey: ['live', path],
    queryFn: ({ signal }) => list(kind, scope, signal),
    enabled,
  });
  const link = useWatch(kind, scope, query);
  return {
    items: query.data?.items ?? [],
    loading: query.isPending && enabled,
    error: query.data ? null : query.error,
    stale: link === 'broken',
    retry: () => void query.refetch(),
  };
}

/** Watches that are under way, by path. Parts of the page that show the same list share one. */
const watches = new Map<string, { users: number; end: AbortController; link: Link; listeners: Set<(link: Link) => void> }>();

function useWatch<T extends KubeObject>(kind: Kind<T>, scope: Scope, query: UseQueryResult<Snapshot<T>>): Link {
  const client = useQueryClient();
  const path = pathOf(kind, scope);
  const ready = query.data !== undefined;
  const [link, setLink] = useState<Link>('live');
  useEffect(() => {
    if (!ready) return undefined;
    let entry = watches.get(path);
    if (!entry) {
      entry = begin(client, kind, scope);
      watches.set(path, entry);
    }
    entry.users++;
    entry.listeners.add(setLink);
    const mine = entry;
    return () => {
      mine.listeners.delete(setLink);
      if (--mine.users > 0) return;
      mine.end.abort();
      watches.delete(path);
      // Nobody keeps it up to date from here on.
      void client.invalidateQueries({ queryKey: ['live', path], refetchType: 'none' });
    };
    // The scope is in the path.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [client, kind, path, ready]);
  return link;
}

function begin<T extends KubeObject>(client: QueryClient, kind: Kind<T>, scope: Scope) {
  const queryKey = ['live', pathOf(kind, scope)];
  const end = new AbortController();
  const listeners = new Set<(link: Link) => void>();
  const version = client.getQueryData<Snapshot<T>>(queryKey)?.resourceVersion ?? '0';
  const entry = { users: 0, end, link: 'live' as Link, listeners };
  void follow(
    kind,
    scope,
    version,
    {
      replace: (all) => client.setQueryData(queryKey, all),
      apply: (changes) => client.setQueryData<Snapshot<T>>(queryKey, (before) => before && changed(before, changes)),
      link: (state) => {
        entry.link = state;
        for (const listener of listeners) listener(state);
      },
    },
    end.signal,
  );
  return entry;
}

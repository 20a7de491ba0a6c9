import { useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Kind } from './kinds';
import type { KubeObject } from './meta';

/** What somebody may want to do. */
export interface Wish {
  verb: 'create' | 'get' | 'list' | 'watch' | 'update' | 'patch' | 'delete';
  group: string;
  resource: string;
  subresource?: string;
  /** None: in all namespaces. */
  namespace?: string;
}

interface Review {
  status?: { allowed?: boolean };
}

/** A wish for objects of a kind. */
export function wish<T extends KubeObject>(verb: Wish['verb'], kind: Kind<T>, namespace?: string): Wish {
  const base = { verb, group: kind.group, resource: kind.plural };
  return namespace === undefined ? base : { ...base, namespace };
}

/**
 * Whether the API would let the user do something. It is asked, not guessed; false until it has answered, so that nothing is
 * offered which is then refused.
 */
export function useMay(what: Wish): boolean {
  const query = useQuery({
    queryKey: ['may', what.verb, what.group, what.resource, what.subresource ?? '', what.namespace ?? ''],
    queryFn: ({ signal }) => ask(what, signal),
    // Rights change rarely, and a refusal still comes from the API.
    staleTime: 5 * 60_000,
  });
  return query.data ?? false;
}

async function ask(what: Wish, signal: AbortSignal): Promise<boolean> {
  const review = await request<Review>('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    method: 'POST',
    signal,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: what },
    }),
  });
  return review.status?.allowed ?? false;
}

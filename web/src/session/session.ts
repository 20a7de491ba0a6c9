import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { ApiError, call, whenSignedOut } from '../api/client';

const path = '/v1/session';

/** Whom the session speaks for. */
export interface User {
  name: string;
  groups?: string[];
}

export type Session = { state: 'unknown' } | { state: 'out'; error?: ApiError } | { state: 'in'; user: User };

/** Who sits before the page. */
export function useSession(): Session {
  const client = useQueryClient();
  useEffect(() => {
    whenSignedOut(() => {
      client.setQueryData(['session'], null);
      // The next one to sign in may be somebody else.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
    });
  }, [client]);
  const query = useQuery({ queryKey: ['session'], queryFn: whoAmI });
  if (query.isPending) return { state: 'unknown' };
  if (query.data) return { state: 'in', user: query.data };
  return query.error instanceof ApiError ? { state: 'out', error: query.error } : { state: 'out' };
}

async function whoAmI(): Promise<User | null> {
  try {
    return (await (await call(path, 'GET')).json()) as User;
  } catch (err) {
    if (err instanceof ApiError && err.code === 401) return null;
    throw err;
  }
}

/**
 * Begins a session with a token.
 *
 * @throws ApiError
 */
export async function signIn(token: string): Promise<User> {
  return (await (await call(path, 'POST', { token })).json()) as User;
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  await call(path, 'DELETE');
  // With all that was shown.
  window.location.assign('/');
}

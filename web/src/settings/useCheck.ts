import { useQuery } from '@tanstack/react-query';
import { clusters } from '../api/kinds';
import { respec } from '../api/respec';
import { specOf, type Draft, type Field } from './draft';
import { refusal, none, type Refusal } from './refusal';
import { useSettled } from './schedule';
import type { Editing } from './useDraft';

/**
 * What the API would refuse of a form as it is now. It is asked without changing anything, so that the rules are its own, and so
 * are the words.
 */
export function useCheck({ base, draft, dirty }: Editing, maySave: boolean): Refusal {
  const settled = useSettled(draft, 500);
  const { uid, generation } = base.metadata;
  const query = useQuery({
    queryKey: ['check', uid, generation, settled],
    queryFn: async () => {
      try {
        await respec(
          clusters,
          { ...base, spec: specOf(base.spec, settled, secretOf(base.spec.etcd?.s3?.credentialSecretName)) },
          true,
        );
        return none;
      } catch (err) {
        return err instanceof Error && err.name === 'ApiError' ? onlyFields(refusal(err)) : none;
      }
    },
    enabled: dirty && maySave,
    staleTime: 0,
    gcTime: 0,
    retry: false,
    placeholderData: (before) => before,
  });
  return dirty ? (query.data ?? none) : none;
}

// Any name will do where the Secret is made only when it is all saved.
function secretOf(name: string | undefined): string {
  return name ?? 's3-credentials';
}

// While somebody types only fields are judged. What is wrong with the whole is said when it is to be saved.
function onlyFields({ fields }: Refusal): Refusal {
  return { fields, rest: [] };
}

/** What the form itself has to ask for, because the API can't see it: an S3 target with keys needs keys. */
export function missing(draft: Draft, keys: { access: string; secret: string }, hasKeys: boolean, says: string): Refusal {
  const fields: Partial<Record<Field, string>> = {};
  const entered = keys.access !== '' || keys.secret !== '';
  if (draft.target === 's3' && draft.auth === 'keys' && (entered || !hasKeys)) {
    if (keys.access.trim() === '') fields.accessKey = says;
    if (keys.secret.trim() === '') fields.secretKey = says;
  }
  return { fields, rest: [] };
}

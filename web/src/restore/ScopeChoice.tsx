import { FormGroup, Radio } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { Cluster, EtcdSnapshot } from '../api/types.gen';
import { impossible } from './scope';
import { scopes, type Scope, type Wanted } from './wanted';

interface Props {
  cluster: Cluster;
  /** The snapshot that is spoken of, as far as it is known. */
  snapshot: EtcdSnapshot | undefined;
  wanted: Wanted;
  change: (some: Partial<Wanted>) => void;
}

/** What comes back beside etcd's data: what each choice changes, or why it can't be had. */
export function ScopeChoice({ cluster, snapshot, wanted, change }: Props) {
  const { t } = useTranslation();
  return (
    <FormGroup role="radiogroup" isStack className="hf-gap" fieldId="restore-scope" label={t('restore.scope.label')}>
      {scopes.map((scope) => {
        const reason = impossible(scope, cluster, wanted, snapshot);
        return (
          <Radio
            key={scope}
            id={`restore-scope-${scope}`}
            name="restore-scope"
            label={t(`restore.scope.${scope}.label`)}
            description={
              <>
                {t(`restore.scope.${scope}.means`)}{' '}
                {reason ? (
                  <strong>{t(`restore.scope.impossible.${reason}`)}</strong>
                ) : (
                  <Becomes {...{ scope, cluster, snapshot }} />
                )}
              </>
            }
            isDisabled={reason !== undefined && wanted.scope !== scope}
            isChecked={wanted.scope === scope}
            onChange={() => change({ scope })}
          />
        );
      })}
    </FormGroup>
  );
}

/** Which version runs now, and which one afterwards. */
function Becomes({ scope, cluster, snapshot }: { scope: Scope } & Pick<Props, 'cluster' | 'snapshot'>) {
  const { t } = useTranslation();
  const now = cluster.status?.observed?.kubernetesVersion;
  const then = snapshot?.spec.kubernetesVersion;
  if (!now || !then) return null;
  if (scope === 'none') return t('restore.scope.stays', { now });
  return now === then ? t('restore.scope.same', { now }) : t('restore.scope.becomes', { now, then });
}

import { Button, FormSelect, FormSelectOption, Flex, FlexItem } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { patch } from '../api/change';
import { restores } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import type { Cluster, EtcdSnapshotRestore } from '../api/types.gen';
import { useToast } from '../app/toast';
import { pathOfCluster } from '../cluster/path';
import { Fact, Facts } from '../parts/Facts';
import { exactly } from '../parts/time';
import { useBeginRestore } from '../restore/useBeginRestore';
import { Alert } from '../parts/Alert';

interface Props {
  cluster: Cluster;
  restore: EtcdSnapshotRestore;
}

/** What the cluster runs after a restore, the way back, and the way on. */
export function RestoreEnd({ cluster, restore }: Props) {
  const { t, i18n } = useTranslation();
  const { outcome, committed, safetySnapshot, plan, remainingSteps } = restore.status ?? {};
  return (
    <div className="hf-gap">
      <Facts>
        <Fact term={t('restore.end.to')}>{plan?.snapshot?.file ?? plan?.survivor ?? plan?.replace ?? '–'}</Fact>
        {outcome && <Fact term={t('restore.end.outcome')}>{t(`restore.outcome.${outcome}`)}</Fact>}
        {committed && (
          <Fact term={t('restore.end.committed')}>
            {exactly(Date.parse(committed), i18n.language)} · {t('restore.end.committedMeans')}
          </Fact>
        )}
        {safetySnapshot && (
          <Fact term={t('restore.end.safety')}>
            <Link to={`${pathOfCluster(cluster)}/snapshots/${safetySnapshot}`}>{safetySnapshot}</Link>
          </Fact>
        )}
      </Facts>
      {remainingSteps && remainingSteps.length > 0 && goesOn(cluster, restore) && (
        <GoOn key={remainingSteps.join()} restore={restore} steps={remainingSteps} />
      )}
      {(outcome === 'RolledBack' || outcome === 'NothingDone') && <PlanAnew cluster={cluster} restore={restore} />}
    </div>
  );
}

/** Whether the manager takes the restore up again. One that ended well is over once another has made the cluster what it is. */
function goesOn(cluster: Cluster, { status }: EtcdSnapshotRestore): boolean {
  if (status?.outcome === 'KeptNew') return true;
  return status?.outcome === 'Restored' && status.plan?.restoreEpoch === cluster.status?.restoreEpoch;
}

/** Goes on with what remains after the commit point. */
function GoOn({ restore, steps }: { restore: EtcdSnapshotRestore; steps: string[] }) {
  const { t } = useTranslation();
  const toast = useToast();
  const { namespace, name } = restore.metadata;
  const may = useMay(wish('patch', restores, namespace));
  const [from, setFrom] = useState(steps[0] ?? '');
  const retry = useMutation({
    mutationFn: async () => {
      // To ask for the same step again it must change in between.
      if (restore.spec.retryFrom === from) await patch(restores, namespace, name, { spec: { retryFrom: null } });
      return patch(restores, namespace, name, { spec: { retryFrom: from } });
    },
    onError: (err) => toast.failed('restore.end.retry', err),
  });
  return (
    <Alert isInline component="h3" variant="warning" title={t('restore.end.remains', { count: steps.length })}>
      <p>{t('restore.end.remainsWhy')}</p>
      {may && (
        <Flex>
          <FlexItem>
            <FormSelect id="retry-from" aria-label={t('restore.end.from')} value={from} onChange={(_, step) => setFrom(step)}>
              {steps.map((step) => (
                <FormSelectOption key={step} value={step} label={step} />
              ))}
            </FormSelect>
          </FlexItem>
          <FlexItem>
            <Button isDisabled={retry.isPending} isLoading={retry.isPending} onClick={() => retry.mutate()}>
              {t('restore.end.retry')}
            </Button>
          </FlexItem>
        </Flex>
      )}
    </Alert>
  );
}

/** Plans the same once more: what was rolled back can't go on. */
function PlanAnew({ cluster, restore }: Props) {
  const { t } = useTranslation();
  const begin = useBeginRestore(cluster);
  const may = useMay(wish('create', restores, cluster.metadata.namespace));
  if (!may) return null;
  return (
    <Button
      variant="secondary"
      isDisabled={begin.isPending}
      isLoading={begin.isPending}
      onClick={() => begin.mutate(restore.spec)}
    >
      {t('restore.end.again')}
    </Button>
  );
}

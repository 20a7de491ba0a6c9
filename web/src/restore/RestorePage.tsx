import { Button, Flex, FlexItem, Stack, StackItem, Title } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Navigate, useParams } from 'react-router';
import { patch } from '../api/change';
import { machines, restores, snapshots } from '../api/kinds';
import { useLive } from '../api/query';
import { useMay, wish } from '../api/rights';
import type { Cluster, EtcdSnapshotRestore } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { NotFound } from '../app/NotFound';
import { useTitle } from '../app/title';
import { useToast } from '../app/toast';
import { pathOfCluster } from '../cluster/path';
import { awaitsApproval } from '../operations/operation';
import { Problem } from '../parts/Problem';
import { Stale } from '../parts/Stale';
import { Approve } from './Approve';
import { Checks } from './Checks';
import { PlanInWords } from './PlanInWords';
import { readiness } from './plan';
import { Verdict } from './Verdict';
import { specOf, wantedOf } from './wanted';
import { WhatToRestore } from './WhatToRestore';
import { Alert } from '../parts/Alert';

/** A restore that nobody has approved: what the cluster needs, what to restore, what that does, and the approval. */
export function RestorePage({ cluster }: { cluster: Cluster }) {
  const { restore: name = '' } = useParams();
  const { namespace } = cluster.metadata;
  const { t } = useTranslation();
  useTitle(t('action.restore'), cluster.metadata.name);
  const live = useLive(restores, { namespace });
  const nodes = useLive(machines, { namespace });
  const taken = useLive(snapshots, { namespace });
  const all = [live, nodes, taken];
  const failed = all.find(({ error }) => error);
  if (all.some(({ loading }) => loading)) return <Loading />;
  if (failed?.error) return <Problem error={failed.error} retry={failed.retry} />;
  const restore = live.items.find(({ metadata }) => metadata.name === name);
  if (!restore) return <NotFound />;
  // Approved, here or by somebody else, or over: its phases are shown elsewhere.
  if (!awaitsApproval({ kind: 'restore', object: restore })) {
    return <Navigate to={`${pathOfCluster(cluster)}/operations/${restore.metadata.name}`} replace />;
  }
  return (
    <Stack hasGutter>
      <StackItem>
        <Head restore={restore} />
        <Stale when={all.some(({ stale }) => stale)} />
      </StackItem>
      <Sections cluster={cluster} restore={restore} machines={nodes.items} snapshots={taken.items} />
    </Stack>
  );
}

function Sections(props: Parameters<typeof WhatToRestore>[0]) {
  const { cluster, restore } = props;
  const { t } = useTranslation();
  const mayChange = useMay(wish('patch', restores, cluster.metadata.namespace));
  const plan = restore.status?.plan;
  const state = readiness(restore);
  return (
    <>
      {plan && (
        <StackItem>
          <Verdict restore={restore} plan={plan} mayChange={mayChange} />
        </StackItem>
      )}
      <StackItem>
        {mayChange ? (
          // Anew when somebody else asks for something else.
          <WhatToRestore key={JSON.stringify(specOf(wantedOf(restore.spec)))} {...props} />
        ) : (
          <Alert isInline component="h3" variant="info" title={t('restore.mayLook')} />
        )}
      </StackItem>
      {plan && state !== 'outdated' ? (
        <>
          <StackItem>
            <PlanInWords plan={plan} checks={restore.status?.preflight ?? []} />
          </StackItem>
          <StackItem>
            <Checks restore={restore} state={state} mayChange={mayChange} />
          </StackItem>
          {mayChange && (
            <StackItem>
              <Approve cluster={cluster} restore={restore} digest={plan.digest ?? ''} state={state} />
            </StackItem>
          )}
        </>
      ) : (
        <StackItem role="status">
          <Loading />
        </StackItem>
      )}
    </>
  );
}

function Head({ restore }: { restore: EtcdSnapshotRestore }) {
  const { t } = useTranslation();
  const toast = useToast();
  const { namespace, name } = restore.metadata;
  const mayChange = useMay(wish('patch', restores, namespace));
  const discard = useMutation({
    mutationFn: () => patch(restores, namespace, name, { spec: { cancel: true } }),
    onError: (err) => toast.failed('restore.discard', err),
  });
  return (
    <Flex alignItems={{ default: 'alignItemsCenter' }}>
      <FlexItem>
        <Title headingLevel="h2">{t('restore.title')}</Title>
        <p className="hf-quiet">{t('restore.untouched')}</p>
      </FlexItem>
      {mayChange && (
        <FlexItem align={{ default: 'alignRight' }}>
          <Button
            variant="secondary"
            isDisabled={discard.isPending || restore.spec.cancel === true}
            isLoading={discard.isPending}
            onClick={() => discard.mutate()}
          >
            {t('restore.discard')}
          </Button>
        </FlexItem>
      )}
    </Flex>
  );
}

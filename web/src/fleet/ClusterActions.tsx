import type { IAction } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { restores, saves } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import type { Cluster } from '../api/types.gen';
import { useTakeSnapshot } from '../cluster/useTakeSnapshot';
import { RowMenu } from '../parts/RowMenu';
import { useBeginRestore } from '../restore/useBeginRestore';

/** What can be done with a cluster from the list: nothing that the user may not do. */
export function ClusterActions({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const take = useTakeSnapshot(cluster);
  const begin = useBeginRestore(cluster);
  // Asked once for the whole fleet; who may only do it in some namespaces finds it on the cluster's own page.
  const maySave = useMay(wish('create', saves));
  const mayRestore = useMay(wish('create', restores));
  const items: IAction[] = [];
  if (maySave) items.push({ title: t('action.takeSnapshot'), onClick: () => take.mutate({}) });
  if (mayRestore) items.push({ title: t('action.restore'), onClick: () => begin.mutate({ source: { latestProven: true } }) });
  return <RowMenu of={cluster.metadata.name} items={items} />;
}

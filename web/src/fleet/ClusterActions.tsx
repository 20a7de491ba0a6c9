import { ActionsColumn, type IAction } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { saves } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import type { Cluster } from '../api/types.gen';
import { useTakeSnapshot } from '../cluster/useTakeSnapshot';

/** What can be done with a cluster from the list: nothing that the user may not do. */
export function ClusterActions({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const take = useTakeSnapshot(cluster);
  // Asked once for the whole fleet; who may only do it in some namespaces finds it on the cluster's own page.
  const maySave = useMay(wish('create', saves));
  const items: IAction[] = [];
  if (maySave) items.push({ title: t('action.takeSnapshot'), onClick: () => take.mutate({}) });
  return items.length > 0 ? <ActionsColumn items={items} /> : null;
}

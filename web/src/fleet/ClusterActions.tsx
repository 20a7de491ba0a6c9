import { ActionsColumn, type IAction } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { saves, restores } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import type { Cluster } from '../api/types.gen';
import { pathOfCluster } from '../cluster/path';
import { useTakeSnapshot } from '../cluster/useTakeSnapshot';

/** What can be done with a cluster from the list: nothing that the user may not do. A broken cluster can be restored, too. */
export function ClusterActions({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const take = useTakeSnapshot(cluster);
  // Asked once for the whole fleet; who may only do it in some namespaces finds it on the cluster's own page.
  const maySave = useMay(wish('create', saves));
  const mayRestore = useMay(wish('create', restores));
  const items: IAction[] = [];
  if (maySave) items.push({ title: t('action.takeSnapshot'), onClick: () => take.mutate({}) });
  if (mayRestore) items.push({ title: t('action.restore'), onClick: () => void navigate(`${pathOfCluster(cluster)}/restore`) });
  return items.length > 0 ? <ActionsColumn items={items} /> : null;
}

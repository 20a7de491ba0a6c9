import { useTranslation } from 'react-i18next';
import { clusters, machines } from '../api/kinds';
import { useLive } from '../api/query';
import { useMay, wish } from '../api/rights';
import type { Cluster } from '../api/types.gen';
import { zones } from './schedule';
import { SettingsForm } from './SettingsForm';
import { Alert } from '../parts/Alert';

/** When a cluster's snapshots are taken, where they go and how they are tested. */
export function SettingsTab({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { namespace } = cluster.metadata;
  const mayEdit = useMay(wish('update', clusters, namespace));
  const live = useLive(machines, { namespace });
  return (
    <>
      {!mayEdit && <Alert variant="info" component="h2" isInline title={t('settings.readOnly')} className="hf-gap" />}
      <SettingsForm cluster={cluster} mayEdit={mayEdit} zones={zones(live.items)} machines={live.items.length} />
    </>
  );
}

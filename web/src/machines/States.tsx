import { Label } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { Machine } from '../api/types.gen';
import { condition } from '../parts/condition';

/** How a machine is. One that has only just joined has not said anything yet: that is no failure. */
export function States({ machine }: { machine: Machine }) {
  const { t } = useTranslation();
  const ready = condition(machine, 'Ready');
  const etcd = condition(machine, 'EtcdHealthy');
  const fenced = condition(machine, 'Fenced');
  const stale = condition(machine, 'Stale');
  return (
    <span className="hf-tests">
      {ready === undefined && <Mark status="info" text={t('machines.joined')} />}
      {ready?.status === 'True' && <Mark status="success" text={t('machines.ready')} />}
      {ready && ready.status !== 'True' && <Mark status="danger" text={t('machines.away')} title={ready.message} />}
      {etcd?.status === 'False' && <Mark status="danger" text={t('machines.etcdUnhealthy')} title={etcd.message} />}
      {fenced?.status === 'True' && <Mark status="warning" text={t('machines.fenced')} title={fenced.message} />}
      {stale?.status === 'True' && <Mark status="warning" text={t('machines.stale')} title={stale.message} />}
    </span>
  );
}

interface MarkProps {
  status: 'success' | 'danger' | 'warning' | 'info';
  text: string;
  title?: string;
}

function Mark({ status, text, title = '' }: MarkProps) {
  return (
    <Label isCompact status={status} variant="outline" title={title}>
      {text}
    </Label>
  );
}

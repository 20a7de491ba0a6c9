import { Label } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { awaitsApproval, type Operation } from './operation';

const look = { Finished: 'success', Failed: 'danger', Cancelled: 'warning' } as const;

/** The phase that an operation is in. */
export function PhaseLabel({ operation }: { operation: Operation }) {
  const { t } = useTranslation();
  const phase = operation.object.status?.phase ?? 'Pending';
  const status = phase in look ? look[phase as keyof typeof look] : 'info';
  return (
    <Label isCompact status={status} variant="outline">
      {awaitsApproval(operation) ? t('operations.awaitsApproval') : t(`phase.${phase}`)}
    </Label>
  );
}

import { Alert, type AlertProps } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { Plan } from './plan';

const look: Record<Plan['verdict'], AlertProps['variant']> = {
  NoRestoreNeeded: 'success',
  ReplaceMember: 'info',
  ResetToSurvivor: 'warning',
  RestoreSnapshot: 'danger',
};

/** What state the cluster is in, and what Holdfast would do: whatever was asked for. */
export function Verdict({ plan }: { plan: Plan }) {
  const { t } = useTranslation();
  return (
    <Alert
      isInline
      component="h3"
      role="status"
      variant={look[plan.verdict] ?? 'info'}
      title={t(`restore.verdict.${plan.verdict}.title`)}
    >
      <p>{t(`restore.verdict.${plan.verdict}.advice`)}</p>
      {plan.reason && <p className="hf-quiet">{plan.reason}</p>}
    </Alert>
  );
}

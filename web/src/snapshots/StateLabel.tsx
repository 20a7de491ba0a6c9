import { Label, Tooltip } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { SnapshotState } from './backups';

const look: Record<SnapshotState, 'success' | 'info' | 'warning' | 'danger' | undefined> = {
  proven: 'success',
  restored: 'success',
  checked: 'info',
  complete: 'info',
  unverified: 'warning',
  suspect: 'warning',
  damaged: 'danger',
  failed: 'danger',
  missing: undefined,
};

/** How far a snapshot is known to be good; what that means on hover. */
export function StateLabel({ state, message }: { state: SnapshotState; message?: string | undefined }) {
  const { t } = useTranslation();
  const status = look[state];
  return (
    <Tooltip content={[t(`state.${state}.means`), message].filter(Boolean).join(' ')}>
      <Label isCompact variant="outline" tabIndex={0} {...(status ? { status } : {})}>
        {t(`state.${state}.name`)}
      </Label>
    </Tooltip>
  );
}

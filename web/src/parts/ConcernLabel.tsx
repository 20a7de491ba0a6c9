import { Label, Tooltip } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { levels, type Found, type Level } from '../fleet/attention';

const status: Record<Level, 'danger' | 'warning' | 'info'> = { danger: 'danger', warning: 'warning', note: 'info' };

/** One thing that needs attention, with the manager's own words on hover. */
export function ConcernLabel({ found }: { found: Found }) {
  const { t } = useTranslation();
  const label = (
    <Label status={status[levels[found.concern]]} variant="outline" isCompact {...(found.message ? { tabIndex: 0 } : {})}>
      {t(`concern.${found.concern}`)}
    </Label>
  );
  return found.message ? <Tooltip content={found.message}>{label}</Tooltip> : label;
}

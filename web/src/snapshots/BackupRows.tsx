import { ExpandableRowContent, Tbody, Td, Tr } from '@patternfly/react-table';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Cluster } from '../api/types.gen';
import { size } from '../parts/size';
import { Age } from '../parts/time';
import { UnfoldCell } from '../parts/UnfoldCell';
import { RestoreButton } from '../restore/RestoreButton';
import { bestOf, type Backup } from './backups';
import { Copies } from './Copies';
import { SnapshotMenu } from './SnapshotMenu';
import { StateLabel } from './StateLabel';

/** A backup as one row, and its copies below it when it is unfolded. */
export function BackupRows({ cluster, backup }: { cluster: Cluster; backup: Backup }) {
  const { t, i18n } = useTranslation();
  const [open, setOpen] = useState(false);
  const hasVersion = cluster.spec.distro !== 'etcd';
  const best = bestOf(backup);
  return (
    <Tbody isExpanded={open}>
      <Tr>
        <UnfoldCell of={title(backup)} open={open} onToggle={() => setOpen(!open)} />
        <Td dataLabel={t('snapshots.column.name')} modifier="breakWord">
          {title(backup)}
        </Td>
        <Td dataLabel={t('snapshots.column.created')} modifier="nowrap">
          <Age at={backup.created} />
        </Td>
        <Td dataLabel={t('snapshots.column.state')} modifier="nowrap">
          <StateLabel state={backup.state} />
        </Td>
        <Td dataLabel={t('snapshots.column.where')}>{where(backup, t)}</Td>
        <Td dataLabel={t('snapshots.column.size')} modifier="nowrap">
          {size(backup.size, i18n.language)}
        </Td>
        {hasVersion && (
          <Td dataLabel={t('snapshots.column.version')} modifier="nowrap">
            {backup.kubernetesVersion ?? '–'}
          </Td>
        )}
        <Td dataLabel={t('snapshots.column.trigger')} modifier="nowrap">
          {backup.trigger ? t(`trigger.${backup.trigger}`) : '–'}
        </Td>
        <Td isActionCell>
          <div className="hf-row-actions">
            {best && (
              <RestoreButton variant="link" cluster={cluster} source={{ snapshot: best.metadata.name }} of={title(backup)} />
            )}
            <SnapshotMenu cluster={cluster} chosen={backup.snapshots} of={title(backup)} />
          </div>
        </Td>
      </Tr>
      <Tr isExpanded={open}>
        <Td colSpan={hasVersion ? 9 : 8} noPadding>
          {open && (
            <ExpandableRowContent>
              <Copies cluster={cluster} backup={backup} />
            </ExpandableRowContent>
          )}
        </Td>
      </Tr>
    </Tbody>
  );
}

/** What a backup is called: the file's name, where one file is all there is of it. */
function title(backup: Backup): string {
  const [only, ...others] = backup.snapshots;
  return only && others.length === 0 ? only.spec.file : backup.id;
}

function where(backup: Backup, t: ReturnType<typeof useTranslation>['t']): string {
  const places = [];
  if (backup.onNodes > 0) places.push(t('snapshots.onNodes', { count: backup.onNodes }));
  if (backup.inS3 > 0) places.push(t('snapshots.inS3'));
  return places.join(' + ') || t('snapshots.nowhere');
}

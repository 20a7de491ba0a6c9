import { Button, EmptyState, EmptyStateBody, Toolbar, ToolbarContent, ToolbarItem } from '@patternfly/react-core';
import CameraIcon from '@patternfly/react-icons/dist/esm/icons/camera-icon';
import { Table, Th, Thead, Tr } from '@patternfly/react-table';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { saves, snapshots } from '../api/kinds';
import { useLive } from '../api/query';
import { useMay, wish } from '../api/rights';
import type { Cluster } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { isFalse } from '../parts/condition';
import { Problem } from '../parts/Problem';
import { BackupRows } from './BackupRows';
import { backups } from './backups';
import { SnapshotNow } from './SnapshotNow';
import { Alert } from '../parts/Alert';

/** Backups shown at first, and more at each request. */
const perPage = 50;

/** All snapshots of a cluster, those of one run together. */
export function SnapshotsTab({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { namespace } = cluster.metadata;
  const live = useLive(snapshots, { namespace });
  const groups = useMemo(() => backups(live.items), [live.items]);
  const [shown, setShown] = useState(perPage);
  const [asking, setAsking] = useState(false);
  const maySave = useMay(wish('create', saves, namespace));
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  return (
    <>
      {isFalse(cluster, 'Offsite') && (
        <Alert variant="warning" component="h2" isInline title={t('snapshots.localOnly')} className="hf-gap" />
      )}
      {maySave && (
        <Toolbar>
          <ToolbarContent>
            <ToolbarItem>
              <Button icon={<CameraIcon />} onClick={() => setAsking(true)}>
                {t('snapshots.now')}
              </Button>
            </ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      )}
      {asking && <SnapshotNow cluster={cluster} onClose={() => setAsking(false)} />}
      {groups.length === 0 ? (
        <EmptyState titleText={t('snapshots.none.title')} headingLevel="h2" icon={CameraIcon}>
          <EmptyStateBody>{t('snapshots.none.body')}</EmptyStateBody>
        </EmptyState>
      ) : (
        <Table aria-label={t('snapshots.title')} variant="compact" isStickyHeader isExpandable>
          <Thead>
            <Tr>
              <Th screenReaderText={t('snapshots.unfold')} />
              <Th>{t('snapshots.column.name')}</Th>
              <Th>{t('snapshots.column.created')}</Th>
              <Th>{t('snapshots.column.state')}</Th>
              <Th>{t('snapshots.column.where')}</Th>
              <Th>{t('snapshots.column.size')}</Th>
              {cluster.spec.distro !== 'etcd' && <Th>{t('snapshots.column.version')}</Th>}
              <Th>{t('snapshots.column.trigger')}</Th>
              <Th screenReaderText={t('app.actions')} />
            </Tr>
          </Thead>
          {groups.slice(0, shown).map((backup) => (
            <BackupRows key={backup.id} cluster={cluster} backup={backup} />
          ))}
        </Table>
      )}
      {groups.length > shown && (
        <Button variant="link" onClick={() => setShown(shown + perPage)}>
          {t('snapshots.more', { count: groups.length - shown })}
        </Button>
      )}
    </>
  );
}

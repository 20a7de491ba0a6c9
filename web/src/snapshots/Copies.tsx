import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Cluster } from '../api/types.gen';
import { pathOfCluster } from '../cluster/path';
import { size } from '../parts/size';
import type { Backup } from './backups';
import { Evidence } from './Evidence';
import { SnapshotMenu } from './SnapshotMenu';
import { StateLabel } from './StateLabel';

/** Where a backup's files are: first on the nodes, then in S3. */
export function Copies({ cluster, backup }: { cluster: Cluster; backup: Backup }) {
  const { t, i18n } = useTranslation();
  const copies = backup.snapshots
    .flatMap((snapshot) => (snapshot.status?.copies ?? []).map((copy) => ({ snapshot, copy })))
    .sort((a, b) => Number(!a.copy.machine) - Number(!b.copy.machine));
  return (
    <Table aria-label={t('snapshots.copies')} variant="compact" borders={false}>
      <Thead>
        <Tr>
          <Th>{t('snapshots.column.location')}</Th>
          <Th>{t('snapshots.column.file')}</Th>
          <Th>{t('snapshots.column.state')}</Th>
          <Th>{t('snapshots.column.evidence')}</Th>
          <Th>{t('snapshots.column.size')}</Th>
          <Th screenReaderText={t('app.actions')} />
        </Tr>
      </Thead>
      <Tbody>
        {copies.map(({ snapshot, copy }) => (
          <Tr key={copy.location}>
            <Td dataLabel={t('snapshots.column.location')} modifier="nowrap">
              {copy.machine ?? t('snapshots.s3')}
            </Td>
            <Td dataLabel={t('snapshots.column.file')} modifier="breakWord">
              <Link to={`${pathOfCluster(cluster)}/snapshots/${snapshot.metadata.name}`}>{copy.location}</Link>
            </Td>
            <Td dataLabel={t('snapshots.column.state')} modifier="nowrap">
              <StateLabel state={copy.state} message={copy.message} />
            </Td>
            <Td dataLabel={t('snapshots.column.evidence')}>
              <Evidence evidence={copy.evidence ?? []} />
            </Td>
            <Td dataLabel={t('snapshots.column.size')} modifier="nowrap">
              {size(copy.size, i18n.language)}
            </Td>
            <Td isActionCell>
              <SnapshotMenu cluster={cluster} chosen={[snapshot]} of={copy.location} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

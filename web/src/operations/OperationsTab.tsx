import { EmptyState, EmptyStateBody } from '@patternfly/react-core';
import HistoryIcon from '@patternfly/react-icons/dist/esm/icons/history-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import type { ParseKeys, TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Cluster } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { pathOfCluster } from '../cluster/path';
import { Problem } from '../parts/Problem';
import { Age, duration } from '../parts/time';
import type { Operation } from './operation';
import { PhaseLabel } from './PhaseLabel';
import { useOperations } from './useOperations';

/** Rows at most: older operations are found with kubectl. */
const most = 100;

/** What was done with a cluster, the newest first. */
export function OperationsTab({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const live = useOperations(cluster.metadata.namespace);
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  if (live.items.length === 0) {
    return (
      <EmptyState titleText={t('operations.none.title')} headingLevel="h2" icon={HistoryIcon}>
        <EmptyStateBody>{t('operations.none.body')}</EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <Table aria-label={t('operations.title')} variant="compact" isStickyHeader>
      <Thead>
        <Tr>
          <Th>{t('operations.column.name')}</Th>
          <Th>{t('operations.column.kind')}</Th>
          <Th>{t('operations.column.phase')}</Th>
          <Th width={40}>{t('operations.column.message')}</Th>
          <Th>{t('operations.column.asked')}</Th>
          <Th>{t('operations.column.took')}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {live.items.slice(0, most).map((operation) => (
          <Row key={operation.object.metadata.uid} cluster={cluster} operation={operation} />
        ))}
      </Tbody>
    </Table>
  );
}

function Row({ cluster, operation }: { cluster: Cluster; operation: Operation }) {
  const { t, i18n } = useTranslation();
  const { metadata, status } = operation.object;
  const took = status?.started && status.ended && Date.parse(status.ended) - Date.parse(status.started);
  return (
    <Tr>
      <Td dataLabel={t('operations.column.name')}>
        <Link to={`${pathOfCluster(cluster)}/operations/${metadata.name}`}>{metadata.name}</Link>
      </Td>
      <Td dataLabel={t('operations.column.kind')}>{what(operation, t)}</Td>
      <Td dataLabel={t('operations.column.phase')}>
        <PhaseLabel operation={operation} />
      </Td>
      <Td dataLabel={t('operations.column.message')} modifier="breakWord">
        {status?.message}
      </Td>
      <Td dataLabel={t('operations.column.asked')} modifier="nowrap">
        <Age at={metadata.creationTimestamp} />
      </Td>
      <Td dataLabel={t('operations.column.took')} modifier="nowrap">
        {took ? duration(took, i18n.language) : '–'}
      </Td>
    </Tr>
  );
}

/** What an operation does, in a word. */
export function what(operation: Operation, t: TFunction): string {
  const key: ParseKeys = operation.kind === 'task' ? `task.${operation.object.spec.action}` : `operation.${operation.kind}`;
  return t(key);
}

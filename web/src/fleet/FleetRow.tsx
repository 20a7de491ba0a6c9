import { Content, LabelGroup } from '@patternfly/react-core';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import InProgressIcon from '@patternfly/react-icons/dist/esm/icons/in-progress-icon';
import { Td, Tr } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Cluster } from '../api/types.gen';
import { pathOfCluster } from '../cluster/path';
import { condition } from '../parts/condition';
import { ConcernLabel } from '../parts/ConcernLabel';
import { Age } from '../parts/time';
import { attention } from './attention';
import { ClusterActions } from './ClusterActions';
import { distroNames } from './FleetToolbar';

/** A cluster in the fleet. */
export function FleetRow({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { metadata, spec, status } = cluster;
  return (
    <Tr>
      <Td dataLabel={t('fleet.column.name')}>
        <Link to={pathOfCluster(cluster)}>{metadata.name}</Link>
        {metadata.namespace !== metadata.name && <Content component="small">{metadata.namespace}</Content>}
      </Td>
      <Td dataLabel={t('fleet.column.version')} modifier="nowrap">
        {distroNames[spec.distro]}{' '}
        <span className="hf-quiet">{status?.observed?.kubernetesVersion ?? status?.observed?.etcdVersion}</span>
      </Td>
      <Td dataLabel={t('fleet.column.machines')} modifier="nowrap">
        <Health cluster={cluster} />
      </Td>
      <Td dataLabel={t('fleet.column.lastComplete')} modifier="nowrap">
        <Age at={status?.lastComplete?.created} />
      </Td>
      <Td dataLabel={t('fleet.column.lastProven')} modifier="nowrap">
        <Age at={status?.lastProven?.created} />
      </Td>
      <Td dataLabel={t('fleet.column.attention')}>
        <LabelGroup
          numLabels={3}
          aria-label={t('fleet.column.attention')}
          collapsedText={t('app.more', { count: attention(cluster).length - 3 })}
          expandedText={t('app.less')}
        >
          {attention(cluster).map((found) => (
            <ConcernLabel key={found.concern} found={found} />
          ))}
        </LabelGroup>
      </Td>
      <Td dataLabel={t('fleet.column.operation')} modifier="nowrap">
        <Running cluster={cluster} />
      </Td>
      <Td isActionCell>
        <ClusterActions cluster={cluster} />
      </Td>
    </Tr>
  );
}

/** How many machines answer, and whether etcd does. */
function Health({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { answering = 0, total = 0 } = cluster.status?.machines ?? {};
  const ready = condition(cluster, 'Ready')?.status;
  return (
    <span className="hf-status" title={condition(cluster, 'Ready')?.message}>
      {ready === 'True' && <CheckCircleIcon className="hf-good" aria-label={t('fleet.ready')} />}
      {ready === 'False' && <ExclamationCircleIcon className="hf-danger" aria-label={t('fleet.notReady')} />}
      {t('fleet.answering', { answering, total })}
    </span>
  );
}

function Running({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const operation = cluster.status?.operation;
  if (!operation) return null;
  return (
    <Link to={`${pathOfCluster(cluster)}/operations/${operation.name}`} className="hf-status">
      <InProgressIcon aria-hidden /> {t(`operation.${kindOf(operation.kind)}`)}
      {operation.phase && <span className="hf-quiet">{t(`phase.${operation.phase}`)}</span>}
    </Link>
  );
}

/** The kind of an operation as texts know it. */
export function kindOf(kind: string): 'save' | 'restore' | 'task' {
  if (kind === 'EtcdSnapshotSave') return 'save';
  return kind === 'EtcdSnapshotRestore' ? 'restore' : 'task';
}

import { Flex, FlexItem, ProgressStep, ProgressStepper, Title } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useParams } from 'react-router';
import type { Cluster } from '../api/types.gen';
import { Loading } from '../app/Loading';
import { NotFound } from '../app/NotFound';
import { pathOfCluster } from '../cluster/path';
import { Problem } from '../parts/Problem';
import { duration, useNow } from '../parts/time';
import { pathOfRestore } from '../restore/useBeginRestore';
import { Cancel } from './Cancel';
import { awaitsApproval, ended, phases, progress, type Operation, type Progress } from './operation';
import { what } from './OperationsTab';
import { PhaseLabel } from './PhaseLabel';
import { RestoreEnd } from './RestoreEnd';
import { Steps } from './Steps';
import { useOperations } from './useOperations';
import { Alert } from '../parts/Alert';

const variants: Record<Progress, 'success' | 'info' | 'pending' | 'danger'> = {
  done: 'success',
  current: 'info',
  pending: 'pending',
  failed: 'danger',
};

/** One operation, live: its phases, and what each machine does. */
export function OperationPage({ cluster }: { cluster: Cluster }) {
  const { operation: name = '' } = useParams();
  const live = useOperations(cluster.metadata.namespace);
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  const operation = live.items.find(({ object }) => object.metadata.name === name);
  if (!operation) return <NotFound />;
  if (awaitsApproval(operation)) return <Navigate to={pathOfRestore(cluster, name)} replace />;
  return <OperationView cluster={cluster} operation={operation} />;
}

function OperationView({ cluster, operation }: { cluster: Cluster; operation: Operation }) {
  const { t } = useTranslation();
  const { metadata, status } = operation.object;
  return (
    <>
      <Flex alignItems={{ default: 'alignItemsCenter' }} className="hf-gap">
        <FlexItem>
          <Title headingLevel="h2">
            {what(operation, t)} {metadata.name}
          </Title>
        </FlexItem>
        <FlexItem>
          <PhaseLabel operation={operation} />
        </FlexItem>
        <FlexItem align={{ default: 'alignRight' }}>
          <Cancel operation={operation} />
        </FlexItem>
      </Flex>
      <ProgressStepper aria-label={t('operations.phases')} className="hf-gap">
        {phases(operation).map((phase) => (
          <ProgressStep
            key={phase}
            id={`phase-${phase}`}
            titleId={`phase-${phase}-title`}
            variant={variants[progress(operation, phase)]}
            isCurrent={progress(operation, phase) === 'current'}
            aria-label={t(`phase.${phase}`)}
          >
            {t(`phase.${phase}`)}
          </ProgressStep>
        ))}
      </ProgressStepper>
      {status?.message && (
        <Alert
          isInline
          component="h3"
          role="status"
          variant={status.phase === 'Failed' ? 'danger' : status.phase === 'Finished' ? 'success' : 'info'}
          title={status.message}
          className="hf-gap"
        >
          <Deadline operation={operation} />
        </Alert>
      )}
      {operation.kind === 'restore' && <RestoreEnd cluster={cluster} restore={operation.object} />}
      <Steps steps={status?.steps ?? []} />
      <Link to={`${pathOfCluster(cluster)}/operations`}>{t('operations.all')}</Link>
    </>
  );
}

/** How long the present stage may still take. */
function Deadline({ operation }: { operation: Operation }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const deadline = operation.object.status?.deadline;
  if (!deadline || ended(operation)) return null;
  const left = Date.parse(deadline) - now;
  return left > 0 ? t('operations.deadline', { left: duration(left, i18n.language) }) : t('operations.deadlineOver');
}

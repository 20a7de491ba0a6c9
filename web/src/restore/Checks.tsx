import { Button, Card, CardBody, CardFooter, CardTitle, Label, Spinner } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { patch } from '../api/change';
import { restores } from '../api/kinds';
import type { EtcdSnapshotRestore } from '../api/types.gen';
import { useToast } from '../app/toast';
import { looked, type Check, type Readiness } from './plan';

const look: Record<Check['outcome'], 'success' | 'warning' | 'danger' | undefined> = {
  Passed: 'success',
  Warning: 'warning',
  Failed: 'danger',
  Waiting: undefined,
};

interface Props {
  restore: EtcdSnapshotRestore;
  state: Readiness;
  mayChange: boolean;
}

/** What was looked at on each machine before anything is touched, as the answers come in. */
export function Checks({ restore, state, mayChange }: Props) {
  const { t } = useTranslation();
  const checks = looked(restore.status?.preflight);
  return (
    <Card isCompact>
      <CardTitle component="h3">
        {t('restore.checks.title')}{' '}
        {state === 'checking' && <Spinner size="md" aria-label={t('restore.checks.checking')} className="hf-inline" />}
      </CardTitle>
      <CardBody>
        <p role="status" className="hf-gap hf-wrapped">
          {state === 'checking'
            ? (restore.status?.message ?? t('restore.checks.checking'))
            : t(state === 'ready' ? 'restore.checks.ready' : 'restore.checks.refused')}
        </p>
        <Table aria-label={t('restore.checks.title')} variant="compact" borders={false}>
          <Thead>
            <Tr>
              <Th>{t('restore.column.check')}</Th>
              <Th>{t('machines.column.name')}</Th>
              <Th>{t('operations.column.outcome')}</Th>
              <Th width={60}>{t('restore.column.found')}</Th>
            </Tr>
          </Thead>
          <Tbody>
            {checks.map((check) => (
              <CheckRow key={`${check.check} ${check.machine}`} check={check} />
            ))}
          </Tbody>
        </Table>
      </CardBody>
      {state === 'refused' && mayChange && (
        <CardFooter>
          <CheckAgain restore={restore} />
        </CardFooter>
      )}
    </Card>
  );
}

function CheckRow({ check: { check, machine, outcome, message } }: { check: Check }) {
  const { t } = useTranslation();
  const status = look[outcome];
  return (
    <Tr>
      <Td dataLabel={t('restore.column.check')}>{check}</Td>
      <Td dataLabel={t('machines.column.name')}>{machine === '-' ? t('restore.checks.cluster') : machine}</Td>
      <Td dataLabel={t('operations.column.outcome')}>
        <Label isCompact variant="outline" {...(status ? { status } : {})}>
          {t(`restore.checks.${outcome}`)}
        </Label>
      </Td>
      <Td dataLabel={t('restore.column.found')} modifier="breakWord">
        {message}
      </Td>
    </Tr>
  );
}

/** Has the plan made and checked once more, by the digest of the one that is refused. */
function CheckAgain({ restore }: { restore: EtcdSnapshotRestore }) {
  const { t } = useTranslation();
  const toast = useToast();
  const { namespace, name } = restore.metadata;
  const again = useMutation({
    mutationFn: () => patch(restores, namespace, name, { spec: { retryFrom: restore.status?.plan?.digest } }),
    onError: (err) => toast.failed('restore.checks.again', err),
  });
  return (
    <Button variant="secondary" isDisabled={again.isPending} isLoading={again.isPending} onClick={() => again.mutate()}>
      {t('restore.checks.again')}
    </Button>
  );
}

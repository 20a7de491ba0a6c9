import { Card, CardBody, CardTitle, List, ListItem } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { Fact, Facts } from '../parts/Facts';
import { size } from '../parts/size';
import { duration, exactly, useNow } from '../parts/time';
import { StateLabel } from '../snapshots/StateLabel';
import { differing, explanation, type Check, type Plan } from './plan';
import { Alert } from '../parts/Alert';

/** What the restore will do: what is lost, what differs afterwards, what happens on each machine. */
export function PlanInWords({ plan, checks }: { plan: Plan; checks: Check[] }) {
  const { t } = useTranslation();
  const lines = explanation(plan);
  return (
    <Card isCompact>
      <CardTitle component="h3">{t('restore.does')}</CardTitle>
      <CardBody>
        <Headline plan={plan} />
        {plan.warnings?.map((warning) => (
          <Alert key={warning} isInline component="h4" variant="warning" title={warning} className="hf-gap" />
        ))}
        {lines.length > 0 && (
          <List className="hf-gap">
            {lines.map((line) => (
              <ListItem key={line}>{line}</ListItem>
            ))}
          </List>
        )}
        <Source plan={plan} />
      </CardBody>
      <Differences plan={plan} checks={checks} />
      {plan.machines && plan.machines.length > 0 && (
        <>
          <CardTitle component="h4">{t('restore.onMachines')}</CardTitle>
          <CardBody>
            <Machines machines={plan.machines} />
          </CardBody>
        </>
      )}
    </Card>
  );
}

/** To which moment the cluster goes back, and how much that loses. */
function Headline({ plan }: { plan: Plan }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  if (plan.survivor) return <p className="hf-headline">{t('restore.headline.survivor', { machine: plan.survivor })}</p>;
  if (plan.replace) return <p className="hf-headline">{t('restore.headline.replace', { machine: plan.replace })}</p>;
  if (!plan.snapshot) return <p className="hf-headline">{t('restore.headline.nothing')}</p>;
  if (!plan.snapshot.created) return null;
  const moment = Date.parse(plan.snapshot.created);
  return (
    <p className="hf-headline">
      {t('restore.headline.snapshot', {
        at: exactly(moment, i18n.language),
        lost: duration(Math.max(0, now - moment), i18n.language),
      })}
    </p>
  );
}

function Source({ plan }: { plan: Plan }) {
  const { t, i18n } = useTranslation();
  const { snapshot } = plan;
  return (
    <Facts>
      {snapshot && (
        <>
          <Fact term={t('snapshots.column.file')}>
            <span className="hf-wrapped">{snapshot.location}</span>
          </Fact>
          <Fact term={t('snapshots.column.where')}>{snapshot.machine ?? t('snapshots.s3')}</Fact>
          <Fact term={t('snapshots.column.state')}>{snapshot.state && <StateLabel state={snapshot.state} />}</Fact>
          <Fact term={t('snapshots.column.size')}>{snapshot.size === undefined ? '–' : size(snapshot.size, i18n.language)}</Fact>
        </>
      )}
      {plan.initMachine && <Fact term={t('restore.initMachine')}>{plan.initMachine}</Fact>}
      {plan.kubernetesVersion && <Fact term={t('snapshots.column.version')}>{plan.kubernetesVersion}</Fact>}
    </Facts>
  );
}

/** What differs afterwards: version and configuration, as planned, and objects, as the machines have counted. */
function Differences({ plan, checks }: { plan: Plan; checks: Check[] }) {
  const { t } = useTranslation();
  const found = differing(checks);
  if (found.length === 0 && !plan.changes?.length) return null;
  return (
    <>
      <CardTitle component="h4">{t('restore.differs')}</CardTitle>
      <CardBody>
        <List>
          {plan.changes?.map((line) => (
            <ListItem key={line}>{line}</ListItem>
          ))}
          {found.map(({ check, machine, message }) => (
            <ListItem key={`${check} ${machine}`}>
              <strong>{machine}</strong>: <span className="hf-wrapped">{message}</span>
            </ListItem>
          ))}
        </List>
      </CardBody>
    </>
  );
}

function Machines({ machines }: { machines: NonNullable<Plan['machines']> }) {
  const { t } = useTranslation();
  return (
    <Table aria-label={t('restore.onMachines')} variant="compact" borders={false}>
      <Thead>
        <Tr>
          <Th>{t('machines.column.name')}</Th>
          <Th>{t('restore.column.action')}</Th>
          <Th width={60}>{t('restore.column.reason')}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {machines.map(({ machine, action, reason, joins }) => (
          <Tr key={machine}>
            <Td dataLabel={t('machines.column.name')}>{machine}</Td>
            <Td dataLabel={t('restore.column.action')}>{t(`restore.action.${action}`)}</Td>
            <Td dataLabel={t('restore.column.reason')} modifier="breakWord">
              {reason}
              {joins && <div className="hf-quiet">{t('restore.joins', { url: joins })}</div>}
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

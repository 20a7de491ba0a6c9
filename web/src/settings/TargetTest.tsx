import { Button, Flex, FlexItem, Label, Spinner } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { tasks } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import type { EtcdSnapshotTask } from '../api/types.gen';
import type { Part } from './SettingsForm';
import { ended, useTargetTest } from './useTargetTest';
import { verdicts, type Result, type Verdicts } from './verdicts';
import { Alert } from '../parts/Alert';

interface Props extends Part {
  /** Does something unless the form lacks what it takes. */
  attempt: (go: () => void) => void;
  refuse: (err: Error) => void;
}

/** Has each node try each right on the target, as it stands in the form. */
export function TargetTest({ attempt, refuse, ...part }: Props) {
  const { t } = useTranslation();
  const mayTest = useMay(wish('create', tasks, part.base.metadata.namespace));
  const test = useTargetTest(part);
  if (!mayTest) return null;
  return (
    <section aria-label={t('targetTest.title')}>
      <Flex alignItems={{ default: 'alignItemsCenter' }} className="hf-gap">
        <FlexItem>
          <Button
            variant="secondary"
            isDisabled={test.running}
            onClick={() => attempt(() => test.start(undefined, { onError: refuse }))}
          >
            {t('targetTest.start')}
          </Button>
        </FlexItem>
        {test.running ? (
          <FlexItem>
            <Spinner size="md" aria-label={t('targetTest.running')} />{' '}
            <span role="status">{test.task?.status?.message ?? t('targetTest.running')}</span>{' '}
            <Button variant="link" isInline onClick={test.cancel}>
              {t('app.cancel')}
            </Button>
          </FlexItem>
        ) : (
          <FlexItem className="hf-quiet">{t('targetTest.what')}</FlexItem>
        )}
      </Flex>
      {test.task && ended(test.task) && <Outcome task={test.task} />}
    </section>
  );
}

/** What a test has shown: the sum, what is wrong, and a verdict for each right and node. */
function Outcome({ task }: { task: EtcdSnapshotTask }) {
  const { t } = useTranslation();
  const found = verdicts(task.status?.results ?? []);
  const good = task.status?.phase === 'Finished';
  return (
    <>
      <Alert
        variant={good ? 'success' : 'danger'}
        component="p"
        isInline
        role="status"
        title={t(good ? 'targetTest.passed' : 'targetTest.failed', { count: found.machines.length })}
        className="hf-gap"
      >
        {!good && <Problems found={found} otherwise={task.status?.message} />}
      </Alert>
      {found.rights.length > 0 && <Verdict found={found} />}
    </>
  );
}

function Problems({ found, otherwise }: { found: Verdicts; otherwise: string | undefined }) {
  if (found.problems.length === 0) return <p className="hf-wrapped">{otherwise}</p>;
  return found.problems.map(({ machines, rights, message }) => (
    <p key={message} className="hf-wrapped">
      <strong>
        {machines.join(', ')} · {rights.join(', ')}
      </strong>
      <br />
      {message}
    </p>
  ));
}

function Verdict({ found }: { found: Verdicts }) {
  const { t } = useTranslation();
  return (
    <Table aria-label={t('targetTest.title')} variant="compact">
      <Thead>
        <Tr>
          <Th>{t('targetTest.right')}</Th>
          {found.machines.map((machine) => (
            <Th key={machine}>{machine}</Th>
          ))}
        </Tr>
      </Thead>
      <Tbody>
        {found.rights.map((right) => (
          <Tr key={right}>
            <Td dataLabel={t('targetTest.right')}>{name(right, t)}</Td>
            {found.machines.map((machine) => (
              <Td key={machine} dataLabel={machine}>
                <Cell result={found.at(right, machine)} />
              </Td>
            ))}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

const look = { passed: 'success', failed: 'danger', skipped: undefined } as const;

function Cell({ result }: { result: Result | undefined }) {
  const { t } = useTranslation();
  if (!result) return <span aria-hidden>–</span>;
  const status = look[result.outcome];
  return (
    <Label isCompact variant="outline" {...(status ? { status } : {})}>
      {t(`evidence.short.${result.outcome}`)}
    </Label>
  );
}

const known = ['write', 'list', 'read', 'ranged read', 'large write', 'delete', 'clean up', 'ownership', 'credentials'] as const;

/** A right by its name in the language; one that this page does not know by the agent's. */
function name(right: string, t: ReturnType<typeof useTranslation>['t']): string {
  const found = known.find((each) => each === right);
  return found ? t(`targetTest.rights.${found}`) : right;
}

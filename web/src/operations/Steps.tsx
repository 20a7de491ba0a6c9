import { ExpandableSection, Label, Title } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useTranslation } from 'react-i18next';
import { duration, useNow } from '../parts/time';
import { byMachine, type Step } from './operation';

const look: Record<Step['outcome'], 'success' | 'info' | 'danger' | 'warning' | undefined> = {
  Done: 'success',
  Running: 'info',
  Failed: 'danger',
  Undone: 'warning',
  Skipped: undefined,
  Waiting: undefined,
};

/** What each machine has done and does, with what its programs said. */
export function Steps({ steps }: { steps: Step[] }) {
  return [...byMachine(steps)].map(([machine, own]) => <MachineSteps key={machine} machine={machine} steps={own} />);
}

function MachineSteps({ machine, steps }: { machine: string; steps: Step[] }) {
  const { t } = useTranslation();
  return (
    <section className="hf-gap">
      <Title headingLevel="h3" size="md">
        {machine}
      </Title>
      <Table aria-label={t('operations.stepsOf', { machine })} variant="compact">
        <Thead>
          <Tr>
            <Th width={20}>{t('operations.column.step')}</Th>
            <Th width={10}>{t('operations.column.outcome')}</Th>
            <Th width={10}>{t('operations.column.took')}</Th>
            <Th>{t('operations.column.message')}</Th>
          </Tr>
        </Thead>
        <Tbody>
          {steps.map((step) => (
            <StepRow key={step.id} step={step} />
          ))}
        </Tbody>
      </Table>
    </section>
  );
}

function StepRow({ step }: { step: Step }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const status = look[step.outcome];
  const until = step.ended ? Date.parse(step.ended) : now;
  return (
    <Tr>
      <Td dataLabel={t('operations.column.step')}>{step.step}</Td>
      <Td dataLabel={t('operations.column.outcome')}>
        <Label isCompact variant="outline" {...(status ? { status } : {})}>
          {t(`outcome.${step.outcome}`)}
        </Label>
      </Td>
      <Td dataLabel={t('operations.column.took')} modifier="nowrap">
        {step.started ? duration(until - Date.parse(step.started), i18n.language) : '–'}
      </Td>
      <Td dataLabel={t('operations.column.message')} modifier="breakWord">
        {step.message}
        {step.output && (
          <ExpandableSection toggleTextCollapsed={t('operations.output')} toggleTextExpanded={t('operations.outputHide')}>
            <pre className="hf-command hf-wrapped">{step.output}</pre>
          </ExpandableSection>
        )}
      </Td>
    </Tr>
  );
}

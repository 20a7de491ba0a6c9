import { Content, PageSection, ProgressStep, ProgressStepper, Title } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { clusters } from '../api/kinds';
import { useLive } from '../api/query';
import { Loading } from '../app/Loading';
import { NotFound } from '../app/NotFound';
import { useTitle } from '../app/title';
import { Crumbs } from '../parts/Crumbs';
import { Problem } from '../parts/Problem';
import { Describe } from './Describe';
import { Machines } from './Machines';

/** Brings a cluster under the manager's eyes: first its name, then its machines. */
export function RegisterPage() {
  const { t } = useTranslation();
  const { namespace, name } = useParams();
  useTitle(t('register.title'));
  const second = namespace !== undefined && name !== undefined;
  return (
    <>
      <PageSection>
        <Crumbs here={t('register.title')} />
        <Title headingLevel="h1">{t('register.title')}</Title>
        <Content component="p" className="hf-quiet">
          {t('register.harmless')}
        </Content>
        <ProgressStepper aria-label={t('register.title')}>
          <Step id="describe" state={second ? 'success' : 'info'} current={!second} />
          <Step id="machines" state={second ? 'info' : 'pending'} current={second} />
        </ProgressStepper>
      </PageSection>
      <PageSection isFilled>{second ? <Joining namespace={namespace} name={name} /> : <Describe />}</PageSection>
    </>
  );
}

function Step({ id, state, current }: { id: 'describe' | 'machines'; state: 'success' | 'info' | 'pending'; current: boolean }) {
  const { t } = useTranslation();
  const text = t(`register.step.${id}`);
  return (
    <ProgressStep id={`step-${id}`} titleId={`step-${id}-title`} variant={state} isCurrent={current} aria-label={text}>
      {text}
    </ProgressStep>
  );
}

function Joining({ namespace, name }: { namespace: string; name: string }) {
  const live = useLive(clusters, { namespace });
  const cluster = live.items.find(({ metadata }) => metadata.name === name);
  if (live.loading) return <Loading />;
  if (live.error) return <Problem error={live.error} retry={live.retry} />;
  return cluster ? <Machines cluster={cluster} /> : <NotFound />;
}

import { Button, Content, Form, FormGroup, PageSection, TextInput, Title } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { clusters } from '../api/kinds';
import { useLive } from '../api/query';
import { Loading } from '../app/Loading';
import { Problem } from '../parts/Problem';
import { Stale } from '../parts/Stale';
import type { User } from '../session/session';
import { byUrgency } from './attention';
import { FleetTable } from './FleetTable';
import { emptyFilter } from './filter';
import { keepNamespaces, knownNamespaces } from './namespaces';

/**
 * The fleet for somebody who may see some namespaces only. The API tells nobody which those are, so the user names them; a
 * service account's own is tried without.
 */
export function Narrow({ user }: { user: User }) {
  const { t } = useTranslation();
  const [names, setNames] = useState(() => knownNamespaces(user));
  const show = (next: string[]) => {
    keepNamespaces(next);
    setNames(next);
  };
  return (
    <>
      <PageSection>
        <Title headingLevel="h1">{t('fleet.title')}</Title>
        <Content component="p" className="hf-quiet">
          {t('narrow.why')}
        </Content>
        <Ask onAsk={(name) => show([name, ...names.filter((each) => each !== name)])} />
      </PageSection>
      {names.map((name) => (
        <PageSection key={name} aria-label={name}>
          <NamespaceClusters name={name} onForget={() => show(names.filter((each) => each !== name))} />
        </PageSection>
      ))}
    </>
  );
}

function Ask({ onAsk }: { onAsk: (name: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '') return;
    onAsk(text.trim());
    setText('');
  };
  return (
    <Form onSubmit={submit} isHorizontal isWidthLimited>
      <FormGroup label={t('narrow.namespace')} fieldId="namespace">
        <div className="hf-ask">
          <TextInput id="namespace" value={text} onChange={(_, value) => setText(value)} />
          <Button type="submit" variant="secondary" isDisabled={text.trim() === ''}>
            {t('narrow.show')}
          </Button>
        </div>
      </FormGroup>
    </Form>
  );
}

function NamespaceClusters({ name, onForget }: { name: string; onForget: () => void }) {
  const { t } = useTranslation();
  const live = useLive(clusters, { namespace: name });
  if (live.loading) return <Loading />;
  if (live.error) {
    return (
      <>
        <Problem error={live.error} retry={live.retry} />
        <Button variant="link" onClick={onForget}>
          {t('narrow.forget', { namespace: name })}
        </Button>
      </>
    );
  }
  return (
    <>
      <Title headingLevel="h2">{name}</Title>
      <Stale when={live.stale} />
      {live.items.length === 0 ? (
        <Content component="p">{t('narrow.none')}</Content>
      ) : (
        <FleetTable clusters={[...live.items].sort(byUrgency)} filter={emptyFilter} onClear={onForget} />
      )}
    </>
  );
}

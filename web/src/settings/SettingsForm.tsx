import { ActionGroup, AlertActionLink, Button, Form, FormSection, Switch } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Conflict } from '../api/respec';
import type { Cluster } from '../api/types.gen';
import { AdvancedFields, AdvancedTarget } from './AdvancedFields';
import { isAdvanced, type Draft, type Field } from './draft';
import { none, refusal, type Refusal } from './refusal';
import { ScheduleFields } from './ScheduleFields';
import { TargetFields } from './TargetFields';
import { TargetTest } from './TargetTest';
import { missing, useCheck } from './useCheck';
import { useDraft, type Editing } from './useDraft';
import { useSave } from './useSave';
import { Alert } from '../parts/Alert';

interface Props {
  cluster: Cluster;
  mayEdit: boolean;
  zones: string[];
  /** How many machines the cluster has. */
  machines: number;
}

/** What each part of the form gets. */
export interface Part extends Editing {
  mayEdit: boolean;
  errors: Partial<Record<Field, string>>;
}

/** The form. What it refuses is refused by the API, which is asked while somebody types. */
export function SettingsForm({ cluster, mayEdit, zones, machines }: Props) {
  const { t } = useTranslation();
  const editing = useDraft(cluster);
  const { draft, dirty } = editing;
  const [advanced, setAdvanced] = useState(() => isAdvanced(draft));
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState<{ draft: Draft; refusal: Refusal }>();
  // What was refused is forgiven with the next edit.
  const last = refused?.draft === draft ? refused.refusal : none;
  const checked = useCheck(editing, mayEdit);
  const asked = missing(draft, editing.keys, hasKeys(editing), t('settings.keys.missing'));
  const save = useSave(editing);
  // A field that is still empty is not wrong, until somebody wants to go on without it.
  const errors = { ...last.fields, ...shown(checked, editing, tried), ...(tried ? asked.fields : {}) };
  const attempt = (go: () => void) => {
    setTried(true);
    setRefused(undefined);
    if (Object.keys(asked.fields).length === 0) go();
  };
  const refuse = (err: Error) => !(err instanceof Conflict) && setRefused({ draft, refusal: refusal(err) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    attempt(() => save.mutate(undefined, { onError: refuse, onSuccess: () => setTried(false) }));
  };
  const part: Part = { ...editing, mayEdit, errors };
  return (
    <Form onSubmit={submit} isWidthLimited maxWidth="56rem" aria-label={t('tab.settings')}>
      <FormSection title={t('settings.schedule.title')} titleElement="h2">
        <ScheduleFields {...part} zones={zones} />
      </FormSection>
      <FormSection title={t('settings.target.title')} titleElement="h2">
        <TargetFields {...part} />
        {draft.target === 's3' && advanced && <AdvancedTarget {...part} />}
        {draft.target === 's3' && machines > 0 && <TargetTest {...part} attempt={attempt} refuse={refuse} />}
      </FormSection>
      <Switch
        id="settings-advanced"
        label={t('settings.advanced.show')}
        isChecked={advanced}
        onChange={(_, checked) => setAdvanced(checked)}
      />
      {advanced && (
        <FormSection title={t('settings.advanced.title')} titleElement="h2">
          <AdvancedFields {...part} />
        </FormSection>
      )}
      {last.rest.map((text) => (
        <Alert key={text} variant="danger" component="p" isInline title={t('settings.refused')}>
          {text}
        </Alert>
      ))}
      {(editing.overtaken || save.error instanceof Conflict) && <Overtaken {...part} />}
      {save.isSuccess && !dirty && (
        <Alert variant="success" component="p" isInline isPlain title={t('settings.saved')} role="status" />
      )}
      {mayEdit && (
        <ActionGroup className="hf-actions">
          <Button type="submit" isDisabled={!dirty || save.isPending} isLoading={save.isPending}>
            {t('settings.save')}
          </Button>
          <Button
            variant="link"
            isDisabled={!dirty || save.isPending}
            onClick={() => {
              editing.settle(cluster);
              setTried(false);
              setRefused(undefined);
            }}
          >
            {t('settings.discard')}
          </Button>
        </ActionGroup>
      )}
    </Form>
  );
}

/** Says that somebody else has saved meanwhile, and asks what is to become of the edits. */
function Overtaken({ cluster, settle, adopt }: Part) {
  const { t } = useTranslation();
  return (
    <Alert
      variant="warning"
      component="p"
      isInline
      title={t('settings.overtaken.title')}
      actionLinks={
        <>
          <AlertActionLink onClick={adopt}>{t('settings.overtaken.keep')}</AlertActionLink>
          <AlertActionLink onClick={() => settle(cluster)}>{t('settings.overtaken.drop')}</AlertActionLink>
        </>
      }
    >
      {t('settings.overtaken.body')}
    </Alert>
  );
}

/** Whether the cluster has keys that stay in use. */
export function hasKeys({ base }: Editing): boolean {
  return Boolean(base.spec.etcd?.s3?.credentialSecretName);
}

/** What of the API's objections is about something that was entered. */
function shown({ fields }: Refusal, { draft }: Editing, tried: boolean): Refusal['fields'] {
  if (tried) return fields;
  return Object.fromEntries(
    Object.entries(fields).filter(([field]) => field in draft && draft[field as keyof typeof draft] !== ''),
  );
}

import { Button, Card, CardBody, CardTitle, Form, FormGroup, TextInput } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { patch } from '../api/change';
import { restores } from '../api/kinds';
import type { Cluster, EtcdSnapshotRestore } from '../api/types.gen';
import type { Readiness } from './plan';
import { Alert } from '../parts/Alert';

interface Props {
  cluster: Cluster;
  restore: EtcdSnapshotRestore;
  digest: string;
  state: Readiness;
}

/** Approves exactly the plan that is shown, once somebody has typed the cluster's name. */
export function Approve({ cluster, restore, digest, state }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState('');
  const { namespace, name } = restore.metadata;
  const approve = useMutation({
    // All of spec, so that nothing that somebody else has changed in this moment is approved unseen.
    mutationFn: () => patch(restores, namespace, name, { spec: { ...restore.spec, approvedPlan: digest } }),
  });
  const ready = state === 'ready' && digest !== '';
  const matches = typed.trim() === cluster.metadata.name;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && matches && !approve.isPending) approve.mutate();
  };
  return (
    <Card isCompact>
      <CardTitle component="h3">{t('restore.approve.title')}</CardTitle>
      <CardBody>
        <Form onSubmit={submit}>
          {approve.error && <Alert variant="danger" component="h4" isInline title={approve.error.message} />}
          <p>{t(`restore.approve.${consequence(restore)}`)}</p>
          {!ready && (
            <Alert
              variant="info"
              component="h4"
              isInline
              isPlain
              title={t(state === 'refused' ? 'restore.approve.refused' : 'restore.approve.waits')}
            />
          )}
          <FormGroup fieldId="restore-name" label={t('restore.approve.type', { cluster: cluster.metadata.name })}>
            <TextInput
              id="restore-name"
              className="hf-narrow"
              value={typed}
              isDisabled={!ready}
              autoComplete="off"
              spellCheck={false}
              onChange={(_, value) => setTyped(value)}
            />
          </FormGroup>
          <div>
            <Button
              type="submit"
              variant="danger"
              isDisabled={!ready || !matches || approve.isPending}
              isLoading={approve.isPending}
            >
              {t('restore.of', { what: cluster.metadata.name })}
            </Button>
          </div>
        </Form>
      </CardBody>
    </Card>
  );
}

/** What becomes of the cluster, as the key of a text. */
function consequence({ spec }: EtcdSnapshotRestore): 'replaces' | 'stops' | 'stopsHold' {
  if (spec.source.replace !== undefined) return 'replaces';
  return spec.onFailure === 'hold' ? 'stopsHold' : 'stops';
}

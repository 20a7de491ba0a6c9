import { Button, Form, FormGroup, Radio } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Cluster, EtcdSnapshot, EtcdSnapshotTask } from '../api/types.gen';
import { Dialog } from '../parts/Dialog';
import { useTask } from './useTask';

type Level = NonNullable<EtcdSnapshotTask['spec']['level']>;

/** The tests, the hardest first. */
const levels: Level[] = ['restore', 'content', 'checksum'];

interface Props {
  cluster: Cluster;
  chosen: EtcdSnapshot[];
  of: string;
  onClose: () => void;
}

/** Asks how hard to test snapshots, and has their machines do it. */
export function VerifySnapshots({ cluster, chosen, of, onClose }: Props) {
  const { t } = useTranslation();
  const [level, setLevel] = useState<Level>('restore');
  const task = useTask(cluster);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    task.mutate({ action: 'verify', snapshots: chosen.map(({ metadata }) => metadata.name), level });
  };
  return (
    <Dialog
      title={t('verify.title', { of })}
      description={t('verify.what')}
      error={task.error}
      onClose={onClose}
      actions={
        <>
          <Button
            type="submit"
            form="verify"
            isDisabled={task.isPending}
            isLoading={task.isPending}
            spinnerAriaLabel={t('app.loading')}
            spinnerAriaValueText={t('app.loading')}
          >
            {t('snapshotAction.verify')}
          </Button>
          <Button variant="link" onClick={onClose}>
            {t('app.cancel')}
          </Button>
        </>
      }
    >
      <Form id="verify" onSubmit={submit}>
        <FormGroup role="radiogroup" label={t('verify.level')} fieldId="verify-level" isStack>
          {levels.map((each) => (
            <Radio
              key={each}
              id={`verify-${each}`}
              name="level"
              label={t(`verify.${each}.name`)}
              description={t(`verify.${each}.what`)}
              isChecked={level === each}
              onChange={() => setLevel(each)}
            />
          ))}
        </FormGroup>
      </Form>
    </Dialog>
  );
}

import {
  Button,
  Checkbox,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Cluster } from '../api/types.gen';
import { useTakeSnapshot } from '../cluster/useTakeSnapshot';
import { Alert } from '../parts/Alert';
import { Modal } from '../parts/Modal';

/** What a snapshot may be called: the API's own rule. */
const nameRule = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$/;

/** Asks what to call a snapshot, and takes it. */
export function SnapshotNow({ cluster, onClose }: { cluster: Cluster; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [preChange, setPreChange] = useState(false);
  const take = useTakeSnapshot(cluster);
  const wrong = name !== '' && !nameRule.test(name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!wrong) take.mutate({ ...(name === '' ? {} : { name }), ...(preChange ? { preChange } : {}) });
  };
  return (
    <Modal isOpen onClose={onClose} variant="small" aria-labelledby="snapshot-now">
      <ModalHeader
        title={t('snapshotNow.title', { cluster: cluster.metadata.name })}
        labelId="snapshot-now"
        description={t('snapshotNow.what')}
      />
      <ModalBody>
        <Form id="snapshot-now-form" onSubmit={submit}>
          {take.error && <Alert variant="danger" component="p" isInline title={take.error.message} />}
          <FormGroup label={t('snapshotNow.name')} fieldId="snapshot-name">
            <TextInput
              id="snapshot-name"
              value={name}
              placeholder={preChange ? 'pre-change' : 'on-demand'}
              validated={wrong ? 'error' : 'default'}
              onChange={(_, value) => setName(value)}
            />
            <FormHelperText>
              <HelperText>
                <HelperTextItem variant={wrong ? 'error' : 'default'}>
                  {t(wrong ? 'snapshotNow.rule' : 'snapshotNow.optional')}
                </HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
          <Checkbox
            id="snapshot-pre-change"
            label={t('snapshotNow.preChange')}
            description={t('snapshotNow.preChangeWhy')}
            isChecked={preChange}
            onChange={(_, checked) => setPreChange(checked)}
          />
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form="snapshot-now-form"
          isDisabled={wrong || take.isPending}
          isLoading={take.isPending}
          spinnerAriaLabel={t('app.loading')}
          spinnerAriaValueText={t('app.loading')}
        >
          {t('action.takeSnapshot')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('app.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

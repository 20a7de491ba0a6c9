import { Button, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { patch } from '../api/change';
import { restores, saves, tasks, type Kind } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import { useToast } from '../app/toast';
import { ended, isHeld, type Operation } from './operation';
import { Modal } from '../parts/Modal';

const kinds = { save: saves, restore: restores, task: tasks };

/**
 * Ends an operation, or takes a restore back that has failed and was asked to leave everything as it is. Of a restore it says first
 * what comes of it: that depends on the commit point.
 */
export function Cancel({ operation }: { operation: Operation }) {
  const { t } = useTranslation();
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const { namespace, name } = operation.object.metadata;
  // Which of the three it is does not matter here.
  const kind = kinds[operation.kind] as Kind<Operation['object']>;
  const mayCancel = useMay(wish('patch', kind, namespace));
  const cancel = useMutation({
    mutationFn: () => patch(kind, namespace, name, { spec: { cancel: true } }),
    onError: (err) => toast.failed('operations.cancel', err),
  });
  const held = isHeld(operation);
  if ((ended(operation) && !held) || !mayCancel) return null;
  const asked = operation.object.spec?.cancel === true;
  const label = t(asked ? 'operations.cancelling' : held ? 'operations.takeBack' : 'operations.cancel');
  const begin = () => (operation.kind === 'restore' ? setAsking(true) : cancel.mutate());
  return (
    <>
      <Button variant="secondary" isDanger isDisabled={asked || cancel.isPending} onClick={begin}>
        {label}
      </Button>
      {asking && operation.kind === 'restore' && (
        <Modal isOpen onClose={() => setAsking(false)} variant="small" aria-labelledby="cancel-restore" role="alertdialog">
          <ModalHeader
            title={t('operations.cancelRestore.title', { name })}
            labelId="cancel-restore"
            titleIconVariant="warning"
          />
          <ModalBody>
            {t(operation.object.status?.committed ? 'operations.cancelRestore.late' : 'operations.cancelRestore.early')}
          </ModalBody>
          <ModalFooter>
            <Button
              variant="danger"
              onClick={() => {
                setAsking(false);
                cancel.mutate();
              }}
            >
              {label}
            </Button>
            <Button variant="link" onClick={() => setAsking(false)}>
              {t('operations.goOn')}
            </Button>
          </ModalFooter>
        </Modal>
      )}
    </>
  );
}

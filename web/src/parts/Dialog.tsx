import { ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useId, type ReactNode } from 'react';
import { Alert } from './Alert';
import { Modal } from './Modal';

interface Props {
  title: string;
  description?: ReactNode;
  /** What becomes of it; buttons. The last one is the way out. */
  actions: ReactNode;
  /** What was refused, if anything was. */
  error?: Error | null;
  size?: 'small' | 'medium' | 'large';
  onClose: () => void;
  children: ReactNode;
}

/** A question that stands before the view. */
export function Dialog({ title, description, actions, error, size = 'small', onClose, children }: Props) {
  const id = useId();
  return (
    <Modal isOpen variant={size} aria-labelledby={id} onClose={onClose}>
      <ModalHeader title={title} labelId={id} description={description} />
      <ModalBody>
        {error && <Alert variant="danger" component="p" isInline title={error.message} className="hf-gap" />}
        {children}
      </ModalBody>
      <ModalFooter>{actions}</ModalFooter>
    </Modal>
  );
}

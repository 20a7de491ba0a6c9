import { Button, Modal as Plain, type ModalProps } from '@patternfly/react-core';
import TimesIcon from '@patternfly/react-icons/dist/esm/icons/times-icon';
import { useTranslation } from 'react-i18next';

interface Props extends Omit<ModalProps, 'onClose' | 'ref'> {
  onClose: () => void;
}

/** PatternFly's modal, with a button to close it in the user's language: its own says "Close". */
export function Modal({ onClose, children, ...props }: Props) {
  const { t } = useTranslation();
  return (
    <Plain {...props} onEscapePress={onClose}>
      <div className="pf-v6-c-modal-box__close">
        <Button variant="plain" aria-label={t('app.close')} icon={<TimesIcon />} onClick={onClose} />
      </div>
      {children}
    </Plain>
  );
}

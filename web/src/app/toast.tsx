import { AlertActionCloseButton, AlertGroup } from '@patternfly/react-core';
import type { ParseKeys } from 'i18next';
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Alert } from '../parts/Alert';

interface Toast {
  id: number;
  title: string;
  text: string;
}

interface Toasts {
  /** Says that what the user asked for was refused, and why. */
  failed(action: ParseKeys, err: Error): void;
}

const Context = createContext<Toasts>({ failed: () => {} });

export const useToast = () => useContext(Context);

let count = 0;

/** Shows what went wrong after a click, until somebody has read it. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const [toasts, setToasts] = useState<Toast[]>([]);
  const failed = useCallback(
    (action: ParseKeys, err: Error) =>
      setToasts((before) => [...before, { id: ++count, title: t('app.refused', { action: t(action) }), text: err.message }]),
    [t],
  );
  const value = useMemo(() => ({ failed }), [failed]);
  const close = (id: number) => setToasts((before) => before.filter((toast) => toast.id !== id));
  return (
    <Context.Provider value={value}>
      {children}
      <AlertGroup isToast isLiveRegion>
        {toasts.map(({ id, title, text }) => (
          <Alert
            key={id}
            variant="danger"
            component="p"
            title={title}
            actionClose={<AlertActionCloseButton aria-label={t('app.close')} onClose={() => close(id)} />}
          >
            {text}
          </Alert>
        ))}
      </AlertGroup>
    </Context.Provider>
  );
}

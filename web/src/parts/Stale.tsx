import { useTranslation } from 'react-i18next';
import { Alert } from './Alert';

/** Says that what is shown may be old. */
export function Stale({ when }: { when: boolean }) {
  const { t } = useTranslation();
  return when ? <Alert variant="warning" component="p" isInline isPlain title={t('problem.stale')} role="status" /> : null;
}

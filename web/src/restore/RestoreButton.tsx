import { Button, type ButtonProps } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { restores } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import type { Cluster } from '../api/types.gen';
import { useBeginRestore } from './useBeginRestore';
import type { Spec } from './wanted';

interface Props {
  cluster: Cluster;
  source: Spec['source'];
  variant?: ButtonProps['variant'];
  isInline?: boolean;
  /** What is restored, for those who can't see beside what the button stands. */
  of: string;
}

/** Begins a restore, for those who may. */
export function RestoreButton({ cluster, source, variant = 'secondary', isInline = false, of }: Props) {
  const { t } = useTranslation();
  const begin = useBeginRestore(cluster);
  const may = useMay(wish('create', restores, cluster.metadata.namespace));
  if (!may) return null;
  return (
    <Button
      variant={variant}
      size="sm"
      isInline={isInline}
      aria-label={t('restore.of', { what: of })}
      isDisabled={begin.isPending}
      isLoading={begin.isPending}
      onClick={() => begin.mutate({ source })}
    >
      {t('action.restore')}
    </Button>
  );
}

import { Button } from '@patternfly/react-core';
import PlusIcon from '@patternfly/react-icons/dist/esm/icons/plus-circle-icon';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { secrets } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import type { Cluster } from '../api/types.gen';
import { Dialog } from '../parts/Dialog';
import { JoinMachine } from './JoinMachine';

/** Asks another machine in, for those who may: who keeps a Secret in the namespace can make a join token. */
export function AddMachine({ cluster, known = [] }: { cluster: Cluster; known?: string[] }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const may = useMay(wish('create', secrets, cluster.metadata.namespace));
  if (!may) return null;
  const close = () => setOpen(false);
  return (
    <>
      <Button variant="secondary" icon={<PlusIcon />} onClick={() => setOpen(true)}>
        {t('join.title')}
      </Button>
      {open && (
        <Dialog
          title={t('join.titleOf', { cluster: cluster.metadata.name })}
          description={t('join.what')}
          size="medium"
          onClose={close}
          actions={
            <Button variant="link" onClick={close}>
              {t('app.close')}
            </Button>
          }
        >
          <JoinMachine cluster={cluster} known={known} />
        </Dialog>
      )}
    </>
  );
}

import { Button, Content, Form, FormGroup, List, ListItem, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { snapshots } from '../api/kinds';
import { useLive } from '../api/query';
import type { Cluster, EtcdSnapshot } from '../api/types.gen';
import { Dialog } from '../parts/Dialog';
import { size } from '../parts/size';
import { fromNow, useNow } from '../parts/time';
import { deletion, type Deletion } from './remaining';
import { StateLabel } from './StateLabel';
import { useTask } from './useTask';
import { Alert } from '../parts/Alert';

interface Props {
  cluster: Cluster;
  chosen: EtcdSnapshot[];
  of: string;
  onClose: () => void;
}

/** Says what would be gone for good and what is left, and deletes it once the cluster's name is typed. */
export function DeleteSnapshots({ cluster, chosen, of, onClose }: Props) {
  const { t, i18n } = useTranslation();
  const [typed, setTyped] = useState('');
  const all = useLive(snapshots, { namespace: cluster.metadata.namespace });
  const task = useTask(cluster);
  const what = deletion(all.items, chosen);
  const { name } = cluster.metadata;
  const sure = typed === name;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (sure) task.mutate({ action: 'delete', snapshots: chosen.map(({ metadata }) => metadata.name) });
  };
  return (
    <Dialog
      title={t('delete.title', { of })}
      description={t('delete.what', { count: what.copies.length, size: size(what.size, i18n.language) })}
      size="medium"
      error={task.error}
      onClose={onClose}
      actions={
        <>
          <Button
            type="submit"
            form="delete"
            variant="danger"
            isDisabled={!sure || task.isPending}
            isLoading={task.isPending}
            spinnerAriaLabel={t('app.loading')}
            spinnerAriaValueText={t('app.loading')}
          >
            {t('delete.submit')}
          </Button>
          <Button variant="link" onClick={onClose}>
            {t('app.cancel')}
          </Button>
        </>
      }
    >
      <List isPlain isBordered className="hf-gap">
        {what.copies.map(({ file, copy }) => (
          <ListItem key={`${copy.machine} ${copy.location}`}>
            <span className="hf-wrapped">{copy.machine ? `${copy.machine}: ${copy.location}` : copy.location || file}</span>{' '}
            <StateLabel state={copy.state} /> <span className="hf-quiet">{size(copy.size, i18n.language)}</span>
          </ListItem>
        ))}
      </List>
      <Left what={what} />
      <Form id="delete" onSubmit={submit}>
        <FormGroup label={t('delete.type', { cluster: name })} fieldId="delete-typed">
          <TextInput id="delete-typed" value={typed} autoComplete="off" onChange={(_, text) => setTyped(text)} />
        </FormGroup>
      </Form>
    </Dialog>
  );
}

/** What the cluster can still be restored from. */
function Left({ what: { left, newest } }: { what: Deletion }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  if (!newest) {
    return <Alert variant="danger" component="p" isInline title={t('delete.nothingLeft')} className="hf-gap" />;
  }
  return (
    <Content component="p">
      {t('delete.left', {
        count: left,
        file: newest.spec.file,
        when: fromNow(Date.parse(newest.spec.created), now, i18n.language),
      })}
    </Content>
  );
}

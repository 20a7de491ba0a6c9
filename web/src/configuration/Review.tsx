import { Button, Checkbox, List, ListItem, ModalBody, ModalFooter, ModalHeader, Title } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client';
import { clusters } from '../api/kinds';
import { Conflict, respec } from '../api/respec';
import type { Cluster } from '../api/types.gen';
import { Diff } from './Diff';
import { judge, place, type Problem } from './judge';
import { differences, isChange, manifest, specIn, withPreChange } from './manifest';
import { Alert } from '../parts/Alert';
import { Modal } from '../parts/Modal';

interface Props {
  base: Cluster;
  text: string;
  onSaved: (saved: Cluster) => void;
  /** The API objects to fields. */
  onRefused: (problems: Problem[]) => void;
  onClose: () => void;
}

/** Shows what a changed manifest changes, field by field and line by line, before it is saved. */
export function Review({ base, text, onSaved, onRefused, onClose }: Props) {
  const { t } = useTranslation();
  const [against, setAgainst] = useState(base);
  const [edited, setEdited] = useState(text);
  const { name, namespace } = base.metadata;
  const judged = useMemo(() => judge(edited, { name, namespace }), [edited, name, namespace]);
  const spec = specIn(judged.document);
  const save = useMutation({
    mutationFn: () => respec(clusters, { ...against, spec }),
    onSuccess: onSaved,
    onError: (err) => {
      if (err instanceof Conflict) setAgainst(err.theirs as Cluster);
      else if (err instanceof ApiError && err.causes.length > 0) onRefused(place(judge(text, { name, namespace }), err.causes));
    },
  });
  const conflict = against !== base;
  const found = differences(against.spec, spec, 'spec');
  const preChange = spec.etcd?.snapshotBeforeChange ?? true;
  return (
    <Modal isOpen onClose={onClose} variant="large" aria-labelledby="review">
      <ModalHeader title={t('configuration.diff.title', { cluster: name })} labelId="review" />
      <ModalBody tabIndex={0}>
        {save.error && !(save.error instanceof Conflict) && (
          <Alert variant="danger" component="p" isInline title={t('settings.refused')} className="hf-gap">
            {save.error.message}
          </Alert>
        )}
        {conflict && (
          <Alert variant="warning" component="p" isInline title={t('configuration.conflict.title')} className="hf-gap">
            {t('configuration.conflict.body')}
          </Alert>
        )}
        {found.length === 0 ? (
          <p>{t('configuration.unchanged')}</p>
        ) : (
          <>
            <Title headingLevel="h2" size="md">
              {t('configuration.diff.fields')}
            </Title>
            <List isPlain className="hf-gap">
              {found.map(({ path, before, after }) => (
                <ListItem key={path}>
                  <code>{path}</code> {t('configuration.diff.from', { before: shown(before, t), after: shown(after, t) })}
                </ListItem>
              ))}
            </List>
            {isChange(against.spec, spec) && (
              <Checkbox
                id="review-pre-change"
                className="hf-gap"
                label={t('configuration.preChange.label')}
                description={t('configuration.preChange.means')}
                isChecked={preChange}
                onChange={(_, checked) => setEdited(withPreChange(edited, checked))}
              />
            )}
            <Title headingLevel="h2" size="md">
              {t('configuration.diff.label')}
            </Title>
            <Diff label={t('configuration.diff.label')} before={manifest(against)} after={edited} />
          </>
        )}
      </ModalBody>
      <ModalFooter>
        <Button isDisabled={found.length === 0 || save.isPending} isLoading={save.isPending} onClick={() => save.mutate()}>
          {t('settings.save')}
        </Button>
        {conflict && (
          <Button variant="secondary" onClick={() => onSaved(against)}>
            {t('configuration.conflict.theirs')}
          </Button>
        )}
        <Button variant="link" onClick={onClose}>
          {t('configuration.diff.back')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

/** The longest value that is shown among the fields: the lines below have all of it. */
const longest = 80;

function shown(value: unknown, t: ReturnType<typeof useTranslation>['t']): string {
  if (value === undefined) return t('configuration.diff.none');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

import { Button, Content, Flex, FlexItem, List, ListItem } from '@patternfly/react-core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { clusters } from '../api/kinds';
import { useMay, wish } from '../api/rights';
import type { Cluster } from '../api/types.gen';
import { pathOfCluster } from '../cluster/path';
import { useSettled } from '../settings/schedule';
import { useWarning } from '../settings/useDraft';
import { Editor } from './Editor';
import { judge, type Problem } from './judge';
import { manifest } from './manifest';
import { Review } from './Review';
import { Alert } from '../parts/Alert';

const nothing: Problem[] = [];

/** A cluster's whole spec as YAML. Whoever does not write it finds the same in the form. */
export function ConfigurationTab({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const { name, namespace } = cluster.metadata;
  const mayEdit = useMay(wish('update', clusters, namespace));
  const [base, setBase] = useState(cluster);
  const initial = useMemo(() => manifest(base), [base]);
  const [text, setText] = useState(initial);
  const [reviewing, setReviewing] = useState(false);
  const [refused, setRefused] = useState<{ text: string; problems: Problem[] }>();
  const settled = useSettled(text);
  const judged = useMemo(() => judge(settled, { name, namespace }), [settled, name, namespace]);
  const dirty = text !== initial;
  const settle = (to: Cluster) => {
    setBase(to);
    setText(manifest(to));
    setRefused(undefined);
    setReviewing(false);
  };
  // The watch may be behind what this page itself has saved.
  if (!dirty && (cluster.metadata.generation ?? 0) > (base.metadata.generation ?? 0)) settle(cluster);
  useWarning(dirty);
  const describe = (problem: Problem) =>
    problem.unknown === undefined ? problem.message : t('configuration.unknown', { field: problem.unknown });
  // What the API said is about the text that it was shown.
  const told = refused?.text === text ? refused.problems : nothing;
  const problems = useMemo(() => [...judged.problems, ...told].sort((a, b) => a.from - b.from), [judged, told]);
  return (
    <>
      <Flex className="hf-gap" justifyContent={{ default: 'justifyContentSpaceBetween' }}>
        <FlexItem>
          <Content component="p">{t('configuration.describes')}</Content>
        </FlexItem>
        <FlexItem>
          <Link to={`${pathOfCluster(cluster)}/settings`}>{t('configuration.form')}</Link>
        </FlexItem>
      </Flex>
      {!mayEdit && <Alert variant="info" component="h2" isInline title={t('settings.readOnly')} className="hf-gap" />}
      <Editor
        label={t('configuration.editor', { cluster: name })}
        initial={initial}
        readOnly={!mayEdit}
        problems={problems}
        describe={describe}
        onChange={setText}
      />
      {problems.length > 0 && <Problems problems={problems} describe={describe} />}
      {mayEdit && (
        <Flex className="hf-actions" alignItems={{ default: 'alignItemsCenter' }}>
          <Button isDisabled={!dirty || settled !== text || judged.problems.length > 0} onClick={() => setReviewing(true)}>
            {t('configuration.review')}
          </Button>
          <Button variant="link" isDisabled={!dirty} onClick={() => settle(cluster)}>
            {t('settings.discard')}
          </Button>
          <FlexItem className="hf-quiet">{t('configuration.keyboard')}</FlexItem>
        </Flex>
      )}
      {reviewing && (
        <Review
          base={base}
          text={text}
          onSaved={settle}
          onRefused={(found) => {
            setRefused({ text, problems: found });
            setReviewing(false);
          }}
          onClose={() => setReviewing(false)}
        />
      )}
    </>
  );
}

function Problems({ problems, describe }: { problems: Problem[]; describe: (problem: Problem) => string }) {
  const { t } = useTranslation();
  return (
    <Alert
      variant="danger"
      component="h2"
      isInline
      title={t('configuration.problems', { count: problems.length })}
      role="status"
      className="hf-gap"
    >
      <List isPlain>
        {problems.map((problem) => (
          <ListItem key={`${problem.from} ${problem.message}`}>
            {t('configuration.line', { line: problem.line, message: describe(problem) })}
          </ListItem>
        ))}
      </List>
    </Alert>
  );
}

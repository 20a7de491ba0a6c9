import { Card, CardBody, CardTitle, List, ListItem } from '@patternfly/react-core';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import CircleIcon from '@patternfly/react-icons/dist/esm/icons/outlined-circle-icon';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Cluster } from '../api/types.gen';
import { useNow } from '../parts/time';
import { nextSteps, progressOf, type NextStep } from './next';
import { pathOfCluster } from './path';

/** The tab where each step is taken. */
const tabOf: Record<NextStep, string> = {
  machines: 'machines',
  snapshot: 'snapshots',
  target: 'settings',
  escrow: 'configuration',
};

/** What to do next with a cluster that is new. */
export function NextSteps({ cluster }: { cluster: Cluster }) {
  const { t } = useTranslation();
  const now = useNow();
  const done = progressOf(cluster, now);
  if (!done) return null;
  return (
    <Card isCompact className="hf-wide">
      <CardTitle component="h2">{t('next.title')}</CardTitle>
      <CardBody>
        <List isPlain isBordered>
          {nextSteps.map((step) => (
            <ListItem
              key={step}
              icon={
                done[step] ? (
                  <CheckCircleIcon className="hf-good" aria-label={t('next.done')} />
                ) : (
                  <CircleIcon className="hf-quiet" aria-label={t('next.open')} />
                )
              }
            >
              {!done[step] ? (
                <Link to={`${pathOfCluster(cluster)}/${tabOf[step]}`}>{t(`next.${step}.title`)}</Link>
              ) : (
                t(`next.${step}.title`)
              )}
              {!done[step] && <div className="hf-quiet">{t(`next.${step}.why`)}</div>}
            </ListItem>
          ))}
        </List>
      </CardBody>
    </Card>
  );
}

import { Button, Card, CardBody, CardFooter, CardTitle, Checkbox, Form, Grid, GridItem } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Cluster, EtcdSnapshot, EtcdSnapshotRestore, Machine } from '../api/types.gen';
import { MoreOptions } from './MoreOptions';
import { impossible } from './scope';
import { ScopeChoice } from './ScopeChoice';
import { SourceChoice } from './SourceChoice';
import { usePlan } from './usePlan';
import { isSame, missing, wantedOf, type Wanted } from './wanted';

interface Props {
  cluster: Cluster;
  restore: EtcdSnapshotRestore;
  machines: Machine[];
  snapshots: EtcdSnapshot[];
}

/** Asks what to restore. What is chosen counts once the manager has made a plan of it. */
export function WhatToRestore({ cluster, restore, machines, snapshots }: Props) {
  const { t } = useTranslation();
  const asked = wantedOf(restore.spec);
  const [wanted, setWanted] = useState<Wanted>(asked);
  const change = (some: Partial<Wanted>) => setWanted((before) => settled({ ...before, ...some }));
  const plan = usePlan(restore);
  const snapshot = chosen(wanted, asked, restore, snapshots);
  const lacks = missing(wanted);
  const refused = impossible(wanted.scope, cluster, wanted, snapshot);
  const changed = !isSame(wanted, asked);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (changed && !lacks && !refused) plan.mutate(wanted);
  };
  return (
    <Card isCompact>
      <CardTitle component="h3">{t('restore.what')}</CardTitle>
      <CardBody>
        <Form id="restore-what" onSubmit={submit}>
          <Grid hasGutter lg={6}>
            <GridItem>
              <SourceChoice cluster={cluster} machines={machines} snapshots={snapshots} wanted={wanted} change={change} />
            </GridItem>
            <GridItem>
              <ScopeChoice cluster={cluster} snapshot={snapshot} wanted={wanted} change={change} />
              <Checkbox
                id="restore-safety"
                className="hf-gap"
                label={t('restore.safety')}
                description={t(wanted.safetySnapshot ? 'restore.safetyWhy' : 'restore.safetyOff')}
                isChecked={wanted.safetySnapshot}
                onChange={(_, safetySnapshot) => change({ safetySnapshot })}
              />
              <MoreOptions machines={machines} wanted={wanted} change={change} />
            </GridItem>
          </Grid>
        </Form>
      </CardBody>
      {changed && (
        <CardFooter>
          <Button
            type="submit"
            form="restore-what"
            isDisabled={Boolean(lacks ?? refused) || plan.isPending}
            isLoading={plan.isPending}
          >
            {t('restore.plan')}
          </Button>{' '}
          <Button variant="link" onClick={() => setWanted(asked)}>
            {t('restore.keep')}
          </Button>
          <p className="hf-quiet" role="status">
            {t(lacks ? `restore.lacks.${lacks}` : 'restore.changed')}
          </p>
        </CardFooter>
      )}
    </Card>
  );
}

/** A member's data comes with what the member runs. */
function settled(wanted: Wanted): Wanted {
  return wanted.kind === 'survivor' || wanted.kind === 'replace' ? { ...wanted, scope: 'none' } : wanted;
}

/** The snapshot that is spoken of: the one that is chosen, or the one that the manager has found for what it was asked for. */
function chosen(wanted: Wanted, asked: Wanted, restore: EtcdSnapshotRestore, snapshots: EtcdSnapshot[]) {
  const found = wanted.kind === asked.kind ? restore.status?.plan?.snapshot?.name : undefined;
  const name = wanted.kind === 'snapshot' ? wanted.snapshot : found;
  return snapshots.find(({ metadata }) => metadata.name === name);
}

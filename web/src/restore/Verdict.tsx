import { Button, Flex, FlexItem, type AlertProps } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { EtcdSnapshotRestore } from '../api/types.gen';
import type { Plan } from './plan';
import { Alert } from '../parts/Alert';
import { usePlan } from './usePlan';
import { wantedOf } from './wanted';

const look: Record<Plan['verdict'], NonNullable<AlertProps['variant']>> = {
  NoRestoreNeeded: 'success',
  ReplaceMember: 'info',
  ResetToSurvivor: 'warning',
  RestoreSnapshot: 'danger',
};

interface Props {
  restore: EtcdSnapshotRestore;
  plan: Plan;
  mayChange: boolean;
}

/** What state the cluster is in, and what Holdfast would do: whatever was asked for. */
export function Verdict({ restore, plan, mayChange }: Props) {
  const { t } = useTranslation();
  return (
    <Alert isInline component="h3" role="status" variant={look[plan.verdict]} title={t(`restore.verdict.${plan.verdict}.title`)}>
      <p>{t(`restore.verdict.${plan.verdict}.advice`)}</p>
      {plan.reason && <p className="hf-quiet">{plan.reason}</p>}
      {mayChange && <Instead restore={restore} plan={plan} />}
    </Alert>
  );
}

/** What the verdict offers in the place of a snapshot, unless that is what is planned. */
function Instead({ restore, plan }: Omit<Props, 'mayChange'>) {
  const { t } = useTranslation();
  const anew = usePlan(restore);
  const kind = plan.verdict === 'ResetToSurvivor' ? 'survivor' : plan.verdict === 'ReplaceMember' ? 'replace' : undefined;
  if (!kind) return null;
  const offered = (plan.candidates ?? []).filter((machine) => restore.spec.source[kind] !== machine);
  if (offered.length === 0) return null;
  return (
    <Flex className="hf-above">
      {offered.map((machine) => (
        <FlexItem key={machine}>
          <Button
            size="sm"
            variant="secondary"
            isDisabled={anew.isPending}
            onClick={() => anew.mutate({ ...wantedOf(restore.spec), kind, [kind]: machine, scope: 'none', initMachine: '' })}
          >
            {t(`restore.instead.${kind}`, { machine })}
          </Button>
        </FlexItem>
      ))}
    </Flex>
  );
}

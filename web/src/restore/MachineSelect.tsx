import { FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { Machine } from '../api/types.gen';
import { isFalse, isTrue } from '../parts/condition';

interface Props {
  id: string;
  label: string;
  /** What it says while no machine is chosen. */
  none: string;
  machines: Machine[];
  value: string;
  onChange: (machine: string) => void;
}

/** Chooses one of the machines with etcd, each with how it is. */
export function MachineSelect({ id, label, none, machines, value, onChange }: Props) {
  const { t } = useTranslation();
  const withEtcd = machines
    .filter(({ spec }) => spec.roles.includes('etcd'))
    .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
  return (
    <FormSelect id={id} aria-label={label} value={value} onChange={(_, machine) => onChange(machine)}>
      <FormSelectOption value="" label={none} isPlaceholder />
      {withEtcd.map((machine) => (
        <FormSelectOption
          key={machine.metadata.name}
          value={machine.metadata.name}
          label={`${machine.metadata.name} · ${t(how(machine))}`}
        />
      ))}
    </FormSelect>
  );
}

/** How a machine is, in a word. */
export function how(machine: Machine): 'machines.away' | 'machines.stale' | 'machines.etcdUnhealthy' | 'machines.ready' {
  if (isFalse(machine, 'Ready')) return 'machines.away';
  if (isTrue(machine, 'Stale')) return 'machines.stale';
  return isFalse(machine, 'EtcdHealthy') ? 'machines.etcdUnhealthy' : 'machines.ready';
}

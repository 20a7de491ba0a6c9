import { Checkbox, ExpandableSection, FormGroup, Radio, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Machine } from '../api/types.gen';
import { isFalse } from '../parts/condition';
import { how, MachineSelect } from './MachineSelect';
import type { Wanted } from './wanted';

interface Props {
  machines: Machine[];
  wanted: Wanted;
  change: (some: Partial<Wanted>) => void;
}

/** What few restores need. It is unfolded where something of it is asked for, or a machine is silent. */
export function MoreOptions({ machines, wanted, change }: Props) {
  const { t } = useTranslation();
  const silent = machines.filter((machine) => isFalse(machine, 'Ready'));
  const [open, setOpen] = useState(
    silent.length > 0 || wanted.onFailure === 'hold' || wanted.excludeMachines.length > 0 || wanted.secretName !== '',
  );
  const off = machines.filter(
    ({ metadata }) =>
      silent.some((each) => each.metadata.name === metadata.name) || wanted.confirmPoweredOff.includes(metadata.name),
  );
  return (
    <ExpandableSection
      toggleText={t(open ? 'restore.more.hide' : 'restore.more.show')}
      isExpanded={open}
      onToggle={(_, expanded) => setOpen(expanded)}
    >
      {off.length > 0 && (
        <MachineBoxes
          id="off"
          label={t('restore.more.off')}
          machines={off}
          checked={wanted.confirmPoweredOff}
          onChange={(confirmPoweredOff) => change({ confirmPoweredOff })}
        />
      )}
      <MachineBoxes
        id="exclude"
        label={t('restore.more.exclude')}
        machines={machines}
        checked={wanted.excludeMachines}
        onChange={(excludeMachines) => change({ excludeMachines })}
      />
      <FormGroup role="radiogroup" isInline fieldId="restore-on-failure" label={t('restore.more.onFailure')} className="hf-gap">
        {(['rollback', 'hold'] as const).map((policy) => (
          <Radio
            key={policy}
            id={`restore-on-failure-${policy}`}
            name="restore-on-failure"
            label={t(`restore.more.${policy}`)}
            isChecked={wanted.onFailure === policy}
            onChange={() => change({ onFailure: policy })}
          />
        ))}
      </FormGroup>
      {wanted.kind !== 'file' && (
        <FormGroup fieldId="restore-init" label={t('restore.more.initMachine')} className="hf-gap">
          <MachineSelect
            id="restore-init"
            label={t('restore.more.initMachine')}
            none={t('restore.more.anyInit')}
            machines={machines}
            value={wanted.initMachine}
            onChange={(initMachine) => change({ initMachine })}
          />
        </FormGroup>
      )}
      <FormGroup fieldId="restore-secret" label={t('restore.more.secret')}>
        <TextInput id="restore-secret" value={wanted.secretName} onChange={(_, secretName) => change({ secretName })} />
        <p className="hf-quiet">{t('restore.more.secretWhy')}</p>
      </FormGroup>
    </ExpandableSection>
  );
}

function MachineBoxes(props: {
  id: string;
  label: string;
  machines: Machine[];
  checked: string[];
  onChange: (names: string[]) => void;
}) {
  const { t } = useTranslation();
  const { id, label, machines, checked, onChange } = props;
  return (
    <FormGroup role="group" isInline fieldId={`restore-${id}`} label={label} className="hf-gap">
      {machines.map((machine) => {
        const { name } = machine.metadata;
        const rest = checked.filter((other) => other !== name);
        return (
          <Checkbox
            key={name}
            id={`restore-${id}-${name}`}
            label={`${name} · ${t(how(machine))}`}
            isChecked={checked.includes(name)}
            onChange={(_, is) => onChange(is ? [...rest, name].sort() : rest)}
          />
        );
      })}
    </FormGroup>
  );
}

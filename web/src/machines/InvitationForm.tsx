import {
  Checkbox,
  ExpandableSection,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextInput,
} from '@patternfly/react-core';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { duration } from '../parts/time';
import { lives, rolesOf, type Distro, type Invitation, type Role } from './invite';

interface Props {
  distro: Distro;
  /** The machines that the cluster has: one of them may be taken over. */
  known: string[];
  value: Invitation;
  onChange: (value: Invitation) => void;
}

/** What a machine is to do, and how long its line is good for. */
export function InvitationForm({ distro, known, value, onChange }: Props) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const toggle = (role: Role, on: boolean) =>
    onChange({ ...value, roles: rolesOf(distro).filter((each) => (each === role ? on : value.roles.includes(each))) });
  return (
    <Form className="hf-gap" onSubmit={(event) => event.preventDefault()}>
      {rolesOf(distro).length > 1 && (
        <FormGroup role="group" label={t('join.roles')} fieldId={`${id}-roles`} isInline>
          {rolesOf(distro).map((role) => (
            <Checkbox
              key={role}
              id={`${id}-${role}`}
              label={t(`role.${role}`)}
              isChecked={value.roles.includes(role)}
              onChange={(_, on) => toggle(role, on)}
            />
          ))}
        </FormGroup>
      )}
      <ExpandableSection toggleTextCollapsed={t('join.more')} toggleTextExpanded={t('join.less')} isIndented>
        <FormGroup label={t('join.life')} fieldId={`${id}-life`} className="hf-gap">
          <FormSelect
            id={`${id}-life`}
            value={value.lifeSeconds}
            onChange={(_, chosen) => onChange({ ...value, lifeSeconds: Number(chosen) })}
          >
            {lives.map((life) => (
              <FormSelectOption key={life} value={life} label={duration(life * 1000, i18n.language)} />
            ))}
          </FormSelect>
        </FormGroup>
        {known.length > 0 && (
          <FormGroup label={t('join.replace')} fieldId={`${id}-replace`} className="hf-gap">
            <FormSelect
              id={`${id}-replace`}
              value={value.replace ?? ''}
              onChange={(_, chosen) => onChange({ ...value, replace: chosen || undefined })}
            >
              <FormSelectOption value="" label={t('join.replaceNone')} />
              {known.map((name) => (
                <FormSelectOption key={name} value={name} label={name} />
              ))}
            </FormSelect>
          </FormGroup>
        )}
        <FormGroup label={t('join.server')} fieldId={`${id}-server`}>
          <TextInput
            id={`${id}-server`}
            value={value.server ?? ''}
            placeholder={window.location.host}
            onChange={(_, text) => onChange({ ...value, server: text.trim() || undefined })}
          />
          <FormHelperText>
            <HelperText>
              <HelperTextItem>{t('join.serverWhy')}</HelperTextItem>
            </HelperText>
          </FormHelperText>
        </FormGroup>
      </ExpandableSection>
    </Form>
  );
}

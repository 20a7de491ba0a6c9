import {
  ActionGroup,
  Button,
  ExpandableSection,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Radio,
  TextInput,
} from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { distroNames } from '../fleet/FleetToolbar';
import { distros, goodName, register, type Wanted } from './register';
import { Alert } from '../parts/Alert';

/** The first step: what the cluster is called, and what runs its etcd. */
export function Describe() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [wanted, setWanted] = useState<Wanted>({ name: '', namespace: '', distro: 'k3s' });
  const attempt = useMutation({
    mutationFn: register,
    onSuccess: ({ metadata }) => void navigate(`/register/${metadata.namespace}/${metadata.name}`),
  });
  const complete = goodName(wanted.name) && (wanted.namespace === '' || goodName(wanted.namespace));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (complete) attempt.mutate(wanted);
  };
  return (
    <Form onSubmit={submit} isWidthLimited>
      {attempt.error && <Alert variant="danger" component="p" isInline title={attempt.error.message} />}
      <Name
        field="name"
        value={wanted.name}
        hint={t('register.nameHint')}
        isRequired
        onChange={(name) => setWanted({ ...wanted, name })}
      />
      <FormGroup role="radiogroup" label={t('register.distro')} fieldId="register-distro" isStack>
        {distros.map((distro) => (
          <Radio
            key={distro}
            id={`register-${distro}`}
            name="distro"
            label={distroNames[distro]}
            description={t(`register.about.${distro as 'k3s' | 'rke2' | 'etcd'}`)}
            isChecked={wanted.distro === distro}
            onChange={() => setWanted({ ...wanted, distro })}
          />
        ))}
      </FormGroup>
      <ExpandableSection toggleTextCollapsed={t('register.more')} toggleTextExpanded={t('register.less')} isIndented>
        <Name
          field="namespace"
          value={wanted.namespace}
          hint={t('register.namespaceHint')}
          placeholder={wanted.name}
          onChange={(namespace) => setWanted({ ...wanted, namespace })}
        />
      </ExpandableSection>
      <ActionGroup>
        <Button
          type="submit"
          isDisabled={!complete || attempt.isPending}
          isLoading={attempt.isPending}
          spinnerAriaLabel={t('app.loading')}
          spinnerAriaValueText={t('app.loading')}
        >
          {t('register.submit')}
        </Button>
        <Button variant="link" component={(props) => <Link {...props} to="/" />}>
          {t('app.cancel')}
        </Button>
      </ActionGroup>
    </Form>
  );
}

interface NameProps {
  field: 'name' | 'namespace';
  value: string;
  hint: string;
  placeholder?: string;
  isRequired?: boolean;
  onChange: (value: string) => void;
}

/** A name by the API's rule; what is wrong with it is said while it is typed. */
function Name({ field, value, hint, placeholder = '', isRequired = false, onChange }: NameProps) {
  const { t } = useTranslation();
  const wrong = value !== '' && !goodName(value);
  return (
    <FormGroup label={t(`register.${field}`)} fieldId={`register-${field}`} isRequired={isRequired}>
      <TextInput
        id={`register-${field}`}
        value={value}
        placeholder={placeholder}
        isRequired={isRequired}
        autoFocus={isRequired}
        validated={wrong ? 'error' : 'default'}
        onChange={(_, text) => onChange(text)}
      />
      <FormHelperText>
        <HelperText>
          <HelperTextItem variant={wrong ? 'error' : 'default'}>{wrong ? t('register.rule') : hint}</HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}

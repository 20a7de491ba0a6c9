import {
  ActionGroup,
  Button,
  Content,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  LoginPage,
  TextInput,
} from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client';
import mark from '../app/mark.svg';
import { LanguageMenu } from '../app/LanguageMenu';
import { signIn } from './session';
import { Alert } from '../parts/Alert';

/** Where a person gives the token that the page then speaks for. */
export function SignIn() {
  const { t } = useTranslation();
  return (
    <LoginPage
      brandImgProps={{ src: mark, alt: '', className: 'hf-login-mark' }}
      loginTitle={t('signIn.title')}
      loginSubtitle={t('signIn.subtitle')}
      textContent={t('signIn.purpose')}
      headerUtilities={<LanguageMenu />}
    >
      <h1 className="pf-v6-screen-reader">Holdfast</h1>
      <TokenForm />
    </LoginPage>
  );
}

function TokenForm() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [token, setToken] = useState('');
  const attempt = useMutation({
    mutationFn: signIn,
    onSuccess: (user) => client.setQueryData(['session'], user),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim() !== '') attempt.mutate(token.trim());
  };
  return (
    <Form onSubmit={submit}>
      {attempt.error && <Alert variant="danger" component="p" isInline title={t(reason(attempt.error))} />}
      <FormGroup label={t('signIn.token')} fieldId="token" isRequired>
        <TextInput
          id="token"
          type="password"
          autoComplete="off"
          autoFocus
          value={token}
          onChange={(_, value) => setToken(value)}
          isRequired
        />
        <FormHelperText>
          <HelperText>
            <HelperTextItem>{t('signIn.where')}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <ActionGroup>
        <Button
          type="submit"
          isBlock
          isLoading={attempt.isPending}
          spinnerAriaLabel={t('app.loading')}
          spinnerAriaValueText={t('app.loading')}
          isDisabled={attempt.isPending || token.trim() === ''}
        >
          {t('signIn.submit')}
        </Button>
      </ActionGroup>
      <Content component="small">{t('signIn.kept')}</Content>
    </Form>
  );
}

function reason(err: Error) {
  const code = err instanceof ApiError ? err.code : -1;
  if (code === 401) return 'signIn.refused';
  if (code === 413) return 'signIn.tooLong';
  return 'signIn.noAnswer';
}

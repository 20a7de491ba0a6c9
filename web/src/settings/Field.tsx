import {
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextInput,
} from '@patternfly/react-core';
import type { ReactNode } from 'react';

interface FieldProps {
  id: string;
  label?: string;
  /** For a choice of several. */
  role?: 'radiogroup';
  /** What to know before typing. */
  help?: ReactNode;
  /** Why what was typed is refused. */
  error?: string | undefined;
  isRequired?: boolean;
  children: ReactNode;
}

/** One field of a form, with what to know about it or what is wrong with it. */
export function Field({ id, label, role, help, error, isRequired = false, children }: FieldProps) {
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired} {...(role ? { role } : {})}>
      {children}
      {(error ?? help) && (
        <FormHelperText>
          <HelperText id={`${id}-help`} isLiveRegion={error !== undefined}>
            <HelperTextItem variant={error ? 'error' : 'default'}>{error ?? help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

interface TextFieldProps extends Omit<FieldProps, 'children'> {
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  type?: 'text' | 'password';
  inputMode?: 'text' | 'numeric';
  isDisabled?: boolean;
}

/** A field for a line of text. */
export function TextField({
  value,
  onChange,
  placeholder,
  type = 'text',
  inputMode = 'text',
  isDisabled = false,
  ...field
}: TextFieldProps) {
  const described = field.error !== undefined || field.help !== undefined;
  return (
    <Field {...field}>
      <TextInput
        id={field.id}
        type={type}
        inputMode={inputMode}
        // Neither a browser's memory nor its spelling has to do with keys and host names.
        autoComplete={type === 'password' ? 'new-password' : 'off'}
        spellCheck={false}
        value={value}
        isDisabled={isDisabled}
        isRequired={field.isRequired ?? false}
        validated={field.error ? 'error' : 'default'}
        onChange={(_, text) => onChange(text)}
        {...(placeholder === undefined ? {} : { placeholder })}
        {...(described ? { 'aria-describedby': `${field.id}-help` } : {})}
      />
    </Field>
  );
}

/** A choice of a few. */
export function Choice<T extends string>({
  id,
  label,
  help,
  error,
  value,
  options,
  isDisabled,
  onChange,
}: {
  id: string;
  label: string;
  help?: string;
  error?: string | undefined;
  value: T;
  options: Record<T, string>;
  isDisabled: boolean;
  onChange: (value: T) => void;
}) {
  return (
    <Field id={id} label={label} help={help} error={error}>
      <FormSelect id={id} value={value} isDisabled={isDisabled} onChange={(_, chosen) => onChange(chosen as T)}>
        {Object.entries<string>(options).map(([each, name]) => (
          <FormSelectOption key={each} value={each} label={name} />
        ))}
      </FormSelect>
    </Field>
  );
}

import { Alert as Plain, type AlertProps } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';

/** PatternFly's alert. How bad it is, which others see by its colour, is read out in the user's language. */
export function Alert(props: AlertProps) {
  const { t } = useTranslation();
  return <Plain variantLabel={t(`app.alert.${props.variant ?? 'custom'}`)} {...props} />;
}

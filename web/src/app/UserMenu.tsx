import { Divider, Dropdown, DropdownGroup, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import UserIcon from '@patternfly/react-icons/dist/esm/icons/user-icon';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { signOut, type User } from '../session/session';
import { chooseTheme, themes, useTheme } from './theme';

/** Who is signed in, how the page looks, and the way out. */
export function UserMenu({ user }: { user: User }) {
  const { t } = useTranslation();
  const theme = useTheme();
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      popperProps={{ position: 'right' }}
      toggle={(ref) => (
        <MenuToggle ref={ref} variant="plainText" icon={<UserIcon />} isExpanded={open} onClick={() => setOpen(!open)}>
          {shortName(user.name)}
        </MenuToggle>
      )}
    >
      <DropdownGroup label={t('app.theme')}>
        <DropdownList>
          {themes.map((each) => (
            <DropdownItem key={each} isSelected={each === theme} onClick={() => chooseTheme(each)}>
              {t(`app.themes.${each}`)}
            </DropdownItem>
          ))}
        </DropdownList>
      </DropdownGroup>
      <Divider />
      <DropdownList>
        <DropdownItem onClick={() => void signOut()}>{t('app.signOut')}</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}

/** The name of a service account without what all of them begin with. */
function shortName(name: string): string {
  return name.replace(/^system:serviceaccount:[^:]+:/, '');
}

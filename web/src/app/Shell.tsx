import {
  Brand,
  Content,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  Page,
  SkipToContent,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
} from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { User } from '../session/session';
import { LanguageMenu } from './LanguageMenu';
import mark from './mark.svg';
import { ToastProvider } from './toast';
import { UserMenu } from './UserMenu';

const mainId = 'main';

/** What stands around every view. */
export function Shell({ user, children }: { user: User; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Page
      mainContainerId={mainId}
      skipToContent={<SkipToContent href={`#${mainId}`}>{t('app.skip')}</SkipToContent>}
      masthead={<Head user={user} />}
    >
      <ToastProvider>{children}</ToastProvider>
    </Page>
  );
}

function Head({ user }: { user: User }) {
  return (
    <Masthead display={{ default: 'inline' }}>
      <MastheadMain>
        <MastheadBrand>
          <MastheadLogo component={(props) => <Link {...props} className="hf-brand-link" to="/" />}>
            <Brand src={mark} alt="" widths={{ default: '28px' }} />
            <Content component="p" className="hf-brand">
              Holdfast
            </Content>
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isStatic>
          <ToolbarContent>
            <ToolbarGroup align={{ default: 'alignEnd' }}>
              <ToolbarItem>
                <LanguageMenu />
              </ToolbarItem>
              <ToolbarItem>
                <UserMenu user={user} />
              </ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
}

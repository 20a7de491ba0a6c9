import { Button, Content, List, ListItem } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Cluster } from '../api/types.gen';
import { Copyable } from '../parts/Copyable';
import { exactly, fromNow, useNow } from '../parts/time';
import { firstRoles, invite, lives, type Invitation, type JoinLine } from './invite';
import { InvitationForm } from './InvitationForm';
import { Alert } from '../parts/Alert';

/** A line that was made, and for what. */
interface Made {
  line: JoinLine;
  roles: string;
}

/** Makes lines with which machines join a cluster: one for each machine. */
export function JoinMachine({ cluster, known = [] }: { cluster: Cluster; known?: string[] }) {
  const { t } = useTranslation();
  const [invitation, setInvitation] = useState<Invitation>({
    roles: firstRoles(cluster.spec.distro),
    lifeSeconds: lives[0],
  });
  const [made, setMade] = useState<Made[]>([]);
  const make = useMutation({
    mutationFn: (wanted: Invitation) => invite(cluster, wanted),
    onSuccess: (line, { roles }) => setMade((before) => [{ line, roles: roles.join(', ') }, ...before]),
  });
  return (
    <>
      {make.error && <Alert variant="danger" component="p" isInline title={make.error.message} className="hf-gap" />}
      <InvitationForm distro={cluster.spec.distro} known={known} value={invitation} onChange={setInvitation} />
      <Button
        className="hf-gap"
        isDisabled={invitation.roles.length === 0 || make.isPending}
        isLoading={make.isPending}
        spinnerAriaLabel={t('app.loading')}
        spinnerAriaValueText={t('app.loading')}
        onClick={() => make.mutate(invitation)}
      >
        {t(made.length === 0 ? 'join.make' : 'join.another')}
      </Button>
      {made.length > 0 && (
        <>
          <Content component="p">{t('join.how')}</Content>
          <List isPlain aria-label={t('join.lines')} aria-live="polite">
            {made.map(({ line, roles }, index) => (
              <ListItem key={line.command}>
                <Line line={line} title={t('join.lineFor', { number: made.length - index, roles })} />
              </ListItem>
            ))}
          </List>
        </>
      )}
    </>
  );
}

function Line({ line, title }: { line: JoinLine; title: string }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const expires = Date.parse(line.expires);
  const over = expires <= now;
  return (
    <>
      <div className="hf-line-title">
        {title}{' '}
        <span className="hf-quiet" title={exactly(expires, i18n.language)}>
          {over ? t('join.over') : t('join.ends', { when: fromNow(expires, now, i18n.language) })}
        </span>
      </div>
      {!over && <Copyable text={line.command} label={title} />}
    </>
  );
}

import { Radio, Switch } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { Field, TextField } from './Field';
import { defaults, usePreview } from './schedule';
import { SchedulePreview } from './SchedulePreview';
import type { Part } from './SettingsForm';
import { Alert } from '../parts/Alert';

/** Whether, when and by whom recurring snapshots are taken, and how many are kept. */
export function ScheduleFields({ zones, ...part }: Part & { zones: string[] }) {
  const { t } = useTranslation();
  const { draft, set, errors, mayEdit, base } = part;
  const { distro } = base.spec;
  const preview = usePreview(distro, draft, zones[0] ?? '');
  // The distribution's own schedule is shown as it was observed: the API refuses an edit.
  const theirs = draft.scheduler === 'distribution';
  const locked = !mayEdit || theirs;
  return (
    <>
      <Switch
        id="settings-on"
        label={t('settings.schedule.on')}
        isChecked={draft.on}
        isDisabled={!mayEdit}
        onChange={(_, checked) => set('on', checked)}
      />
      {!draft.on && <Alert variant="warning" component="p" isInline title={t('settings.schedule.off')} />}
      {distro !== 'etcd' && <Scheduler {...part} />}
      {distro === 'rke' ? (
        <TextField
          id="settings-hours"
          label={t('settings.schedule.hours')}
          inputMode="numeric"
          value={draft.hours}
          placeholder={defaults.hours}
          isDisabled={locked || !draft.on}
          error={errors.hours}
          onChange={(value) => set('hours', value)}
        />
      ) : (
        <TextField
          id="settings-cron"
          label={t('settings.schedule.cron')}
          help={t(theirs ? 'settings.schedule.observed' : 'settings.schedule.cronHelp')}
          value={draft.cron}
          placeholder={defaults.cron}
          isDisabled={locked || !draft.on}
          // The API's own words are better, but it is asked a little later.
          error={errors.cron ?? (preview.error && draft.on && !theirs ? preview.error.message : undefined)}
          onChange={(value) => set('cron', value)}
        />
      )}
      {draft.on && !(theirs && draft.cron === '' && draft.hours === '') && (
        <SchedulePreview distro={distro} draft={draft} zones={zones} preview={preview} />
      )}
      <TextField
        id="settings-retention"
        label={t('settings.schedule.retention')}
        help={t('settings.schedule.retentionHelp')}
        inputMode="numeric"
        value={draft.retention}
        placeholder={distro === 'rke' ? defaults.retentionRKE : defaults.retention}
        isDisabled={locked}
        error={errors.retention}
        onChange={(value) => set('retention', value)}
      />
    </>
  );
}

/** Who takes them, and what a change of that means. */
function Scheduler({ draft, set, errors, mayEdit, base }: Part) {
  const { t } = useTranslation();
  const { distro } = base.spec;
  const before = base.spec.etcd?.snapshotScheduler ?? 'distribution';
  const restarts = distro === 'k3s' || distro === 'rke2';
  return (
    <Field id="settings-scheduler" role="radiogroup" label={t('settings.scheduler.title')} error={errors.scheduler}>
      {(['distribution', 'holdfast'] as const).map((each) => (
        <Radio
          key={each}
          id={`settings-scheduler-${each}`}
          name="scheduler"
          label={t(`settings.scheduler.${each}.name`)}
          description={t(`settings.scheduler.${each}.means`)}
          isChecked={draft.scheduler === each}
          isDisabled={!mayEdit}
          onChange={() => set('scheduler', each)}
        />
      ))}
      {draft.scheduler !== before && (
        <Alert
          variant="warning"
          component="p"
          isInline
          title={t(restarts ? 'settings.scheduler.restarts' : 'settings.scheduler.handsOver')}
        />
      )}
    </Field>
  );
}

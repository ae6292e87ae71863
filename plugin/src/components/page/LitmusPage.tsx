import { Content, Header, Page } from '@backstage/core-components';
import { useState } from 'react';
import { GROUPINGS } from '../../api/types';
import type { Grouping } from '../../api/types';
import { LiveProvider, useLive } from '../../hooks/live';
import { useWords } from '../../hooks/useWords';
import { Choice } from '../common/Choice';
import { useStyles } from '../common/useStyles';
import { useWindow, WindowSwitch } from '../common/WindowSwitch';
import { AttentionCard, NowCard } from './Current';
import { Entities } from './Entities';
import { Groups } from './Groups';
import { ownEntities, useOwnership } from './mine';

/** The page of everything: portfolio, attention, what runs, every entity. */
export function LitmusPage() {
  const { t } = useWords();
  return (
    <Page themeId="tool">
      <Header title={t('pageTitle')} subtitle={t('pageSubtitle')} />
      <Content>
        <LiveProvider>
          <PageOf />
        </LiveProvider>
      </Content>
    </Page>
  );
}

function PageOf() {
  const { t } = useWords();
  const styles = useStyles();
  const [window, setWindow] = useWindow();
  const [grouping, setGrouping] = useState<Grouping>('owner');
  const owned = useOwnership();
  const entities = useLive(['entities'], api => api.entities());
  const rows = entities.data?.entities ?? [];
  const own = ownEntities(rows, owned);
  const [wantsMine, setWantsMine] = useState(false);
  const onlyMine = wantsMine && own.size > 0;
  return (
    <div className={styles.stack}>
      <div className={styles.row}>
        <WindowSwitch value={window} onChange={setWindow} />
        <Choice
          label={t('page.by')}
          value={grouping}
          choices={GROUPINGS.map(one => [one, t(`page.${one}`)] as const)}
          onChange={setGrouping}
        />
        {own.size > 0 && (
          <label>
            <input
              type="checkbox"
              checked={wantsMine}
              onChange={event => {
                setWantsMine(event.target.checked);
              }}
            />{' '}
            {t('page.onlyMine')}
          </label>
        )}
      </div>
      <Groups grouping={grouping} window={window} owned={owned} entities={rows} onlyMine={onlyMine} />
      <div className={styles.columns}>
        <AttentionCard own={own} onlyMine={onlyMine} />
        <NowCard own={own} onlyMine={onlyMine} />
      </div>
      <Entities live={entities} own={own} onlyMine={onlyMine} />
    </div>
  );
}

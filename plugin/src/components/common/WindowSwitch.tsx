import Button from '@material-ui/core/Button';
import ButtonGroup from '@material-ui/core/ButtonGroup';
import { configApiRef, useApi } from '@backstage/core-plugin-api';
import { useState } from 'react';
import { WINDOWS } from '../../api/types';
import type { WindowName } from '../../api/types';
import { useWords } from '../../hooks/useWords';

/** The chosen window; first the configured one. */
export function useWindow(): [WindowName, (window: WindowName) => void] {
  const configured = useApi(configApiRef).getOptionalString('litmusResilience.window');
  return useState<WindowName>(WINDOWS.find(window => window === configured) ?? '30d');
}

/** Chooses the window that figures are about. */
export function WindowSwitch({ value, onChange }: { value: WindowName; onChange: (window: WindowName) => void }) {
  const { t } = useWords();
  return (
    <ButtonGroup size="small" aria-label={t('window.label')} style={{ flexWrap: 'wrap' }}>
      {WINDOWS.map(window => (
        <Button
          key={window}
          aria-pressed={window === value}
          aria-label={t(`window.${window}Long`)}
          variant={window === value ? 'contained' : 'outlined'}
          color={window === value ? 'primary' : 'default'}
          disableElevation
          onClick={() => {
            onChange(window);
          }}
          style={{ minWidth: 44, paddingLeft: 6, paddingRight: 6, textTransform: 'none' }}
        >
          {t(`window.${window}`)}
        </Button>
      ))}
    </ButtonGroup>
  );
}

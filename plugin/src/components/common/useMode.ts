import { useTheme } from '@material-ui/core/styles';
import type { Mode } from './looks';

/** Whether the theme is light or dark. */
export function useMode(): Mode {
  return useTheme().palette.type;
}

import SvgIcon from '@material-ui/core/SvgIcon';
import type { SvgIconProps } from '@material-ui/core/SvgIcon';

/** A gauge: half a ring with its needle. */
export function LitmusIcon(props: SvgIconProps) {
  return (
    <SvgIcon {...props}>
      <path d="M12 4a9 9 0 0 0-9 9c0 2 .65 3.84 1.75 5.34l1.6-1.2A6.97 6.97 0 0 1 5 13a7 7 0 0 1 14 0 6.97 6.97 0 0 1-1.35 4.14l1.6 1.2A9 9 0 0 0 12 4zm4.3 4.7-5.1 3.1a1.7 1.7 0 1 0 2 2z" />
    </SvgIcon>
  );
}

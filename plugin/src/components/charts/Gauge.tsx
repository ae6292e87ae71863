import { useTheme } from '@material-ui/core/styles';
import { useWords } from '../../hooks/useWords';
import { levelOf } from '../common/looks';
import { useMode } from '../common/useMode';

const RADIUS = 42;
const LENGTH = Math.PI * RADIUS;

/** A score as an arc with the figure in it; `null`: no score, an empty arc. */
export function Gauge({ score, label }: { score: number | null; label: string }) {
  const { percent } = useWords();
  const theme = useTheme();
  const mode = useMode();
  const arc = `M 8 54 A ${RADIUS} ${RADIUS} 0 0 1 92 54`;
  return (
    <svg viewBox="0 0 100 62" width="132" role="img" aria-label={`${label}: ${percent(score)}`}>
      <path d={arc} fill="none" stroke={theme.palette.divider} strokeWidth="10" />
      {score !== null && score > 0 && (
        <path
          d={arc}
          fill="none"
          stroke={levelOf(score, mode)}
          strokeWidth="10"
          strokeDasharray={`${(LENGTH * Math.min(score, 100)) / 100} ${LENGTH}`}
        />
      )}
      <text
        x="50"
        y="52"
        textAnchor="middle"
        fontSize={score === null ? 12 : 17}
        fontWeight="700"
        fill={theme.palette.text.primary}
      >
        {percent(score)}
      </text>
    </svg>
  );
}

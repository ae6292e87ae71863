import { useTheme } from '@material-ui/core/styles';
import type { Bucket } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import type { Words } from '../../hooks/useWords';
import { fillOf, OUTCOMES } from '../common/looks';
import { Scroll } from '../common/parts';
import { useMode } from '../common/useMode';
import { useStyles } from '../common/useStyles';

const WIDTH = 320;
const SCORES = 64;
const BARS = 34;
const GAP = 6;
const HEIGHT = SCORES + GAP + BARS;

export function runsOf(bucket: Bucket): number {
  return OUTCOMES.reduce((sum, outcome) => sum + bucket.outcomes[outcome], 0);
}

/** Lines of the mean score, broken where nothing was scored, as points of a polyline. */
export function linesOf(buckets: Bucket[], width: number, height: number): string[] {
  const step = width / Math.max(buckets.length, 1);
  const lines: string[][] = [[]];
  buckets.forEach((bucket, index) => {
    if (bucket.meanScore === null) lines.push([]);
    else {
      const y = (1 - bucket.meanScore / 100) * height;
      lines.at(-1)?.push(`${round((index + 0.5) * step)},${round(y)}`);
    }
  });
  return lines.filter(line => line.length > 0).map(line => line.join(' '));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function outcomesInWords(bucket: Bucket, { t }: Words): string {
  return OUTCOMES.filter(outcome => bucket.outcomes[outcome] > 0)
    .map(outcome => `${bucket.outcomes[outcome]} ${t(`outcome.${outcome}`)}`)
    .join(', ');
}

/** Mean score as a line over runs by outcome as bars, stretch by stretch; the figures as its words. */
export function Trend({ buckets, windowWords }: { buckets: Bucket[]; windowWords: string }) {
  const words = useWords();
  const theme = useTheme();
  const mode = useMode();
  const withRuns = buckets.filter(bucket => runsOf(bucket) > 0);
  const most = Math.max(1, ...buckets.map(runsOf));
  const step = WIDTH / Math.max(buckets.length, 1);
  const barWidth = Math.max(1, Math.min(step * 0.7, 18));
  const parts = withRuns.map(bucket =>
    words.t('trend.part', {
      when: words.day(bucket.since),
      score: words.percent(bucket.meanScore),
      runs: words.t('unit.runs', { count: runsOf(bucket) }),
    }),
  );
  const summary = parts.length
    ? words.t('trend.summary', { window: windowWords, parts: parts.join('; ') })
    : words.t('trend.empty');
  return (
    <svg viewBox={`-26 -6 ${WIDTH + 32} ${HEIGHT + 10}`} width="100%" role="img" aria-label={summary}>
      {[0, 50, 100].map(score => (
        <g key={score}>
          <path d={`M0 ${(1 - score / 100) * SCORES}H${WIDTH}`} stroke={theme.palette.divider} />
          <text
            x="-4"
            y={(1 - score / 100) * SCORES + 3.5}
            fontSize="10"
            textAnchor="end"
            fill={theme.palette.text.secondary}
          >
            {score}
          </text>
        </g>
      ))}
      {buckets.map((bucket, index) => {
        let top = HEIGHT;
        return (
          <g key={bucket.since}>
            <title>{parts[withRuns.indexOf(bucket)] ?? words.day(bucket.since)}</title>
            <rect x={index * step} y="0" width={step} height={HEIGHT} fillOpacity="0" />
            {OUTCOMES.filter(outcome => bucket.outcomes[outcome] > 0).map(outcome => {
              const height = (bucket.outcomes[outcome] / most) * BARS;
              top -= height;
              return (
                <rect
                  key={outcome}
                  x={(index + 0.5) * step - barWidth / 2}
                  y={top}
                  width={barWidth}
                  height={height}
                  fill={fillOf(outcome, mode)}
                />
              );
            })}
          </g>
        );
      })}
      <path d={`M0 ${HEIGHT}H${WIDTH}`} stroke={theme.palette.text.secondary} />
      <ScoreLines buckets={buckets} width={WIDTH} height={SCORES} />
    </svg>
  );
}

function ScoreLines({ buckets, width, height }: { buckets: Bucket[]; width: number; height: number }) {
  const color = useTheme().palette.type === 'dark' ? '#7db4f5' : '#0550ae';
  return (
    <>
      {linesOf(buckets, width, height).map(points => (
        <g key={points}>
          <polyline points={points} fill="none" stroke={color} strokeWidth="1.5" />
          {points.split(' ').map(point => {
            const [x, y] = point.split(',');
            return <circle key={point} cx={x} cy={y} r="2" fill={color} />;
          })}
        </g>
      ))}
    </>
  );
}

/** The mean scores alone, small enough for a row; their words are the row's figures. */
export function Spark({ buckets }: { buckets: Bucket[] }) {
  return (
    <svg viewBox="-3 -3 96 26" width="96" height="26" aria-hidden>
      <ScoreLines buckets={buckets} width={90} height={20} />
    </svg>
  );
}

/** The figures of a trend, stretches without runs left out. */
export function TrendTable({ buckets }: { buckets: Bucket[] }) {
  const words = useWords();
  const styles = useStyles();
  const { t } = words;
  const rows = buckets.filter(bucket => runsOf(bucket) > 0);
  if (rows.length === 0) return null;
  return (
    <details>
      <summary className={styles.small}>{t('trend.figures')}</summary>
      <Scroll label={t('trend.figures')}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">{t('trend.from')}</th>
              <th scope="col">{t('trend.meanScore')}</th>
              <th scope="col">{t('trend.runs')}</th>
              <th scope="col">{t('trend.outcomes')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(bucket => (
              <tr key={bucket.since}>
                <th scope="row">{words.absolute(bucket.since)}</th>
                <td data-name={t('trend.meanScore')}>{words.percent(bucket.meanScore)}</td>
                <td data-name={t('trend.runs')}>{runsOf(bucket)}</td>
                <td data-name={t('trend.outcomes')}>{outcomesInWords(bucket, words)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}

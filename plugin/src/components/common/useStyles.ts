import { makeStyles } from '@material-ui/core/styles';
import type { Theme } from '@material-ui/core/styles';

/** Styles that several parts share. */
export const useStyles = makeStyles(
  (theme: Theme) => {
    const dark = theme.palette.type === 'dark';
    const dim = dark ? '#d2d2d2' : '#595959';
    const notice = (border: string, ground: string) => ({
      borderLeft: `4px solid ${border}`,
      background: ground,
      color: theme.palette.text.primary,
      padding: theme.spacing(0.75, 1.25),
      margin: theme.spacing(1, 0),
      overflowWrap: 'anywhere' as const,
      '& > p': { margin: 0 },
      '& > p + p': { marginTop: theme.spacing(0.5) },
    });
    return {
      hidden: {
        border: 0,
        clip: 'rect(0 0 0 0)',
        height: 1,
        margin: -1,
        overflow: 'hidden',
        padding: 0,
        position: 'absolute',
        whiteSpace: 'nowrap',
        width: 1,
      },
      dim: { color: dim },
      small: { fontSize: '0.86rem' },
      urgent: { color: dark ? '#ffb0aa' : '#b41d27', fontWeight: 600 },
      good: { color: dark ? '#7fe09a' : '#1a7f37' },
      bad: { color: dark ? '#ffb0aa' : '#b41d27' },
      info: notice(theme.palette.text.secondary, dark ? '#262c33' : '#f4f6f8'),
      warn: notice(dark ? '#e0b050' : '#8a5a00', dark ? '#33280f' : '#fdf3dc'),
      danger: notice(dark ? '#ff8f88' : '#c21f2a', dark ? '#3a1a1b' : '#fdeaea'),
      list: { listStyle: 'none', margin: 0, padding: 0, '& > li': { padding: theme.spacing(0.5, 0), overflowWrap: 'anywhere' } },
      row: { alignItems: 'center', display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1) },
      heading: { fontSize: '0.95rem', fontWeight: 600, margin: theme.spacing(1.5, 0, 0.5) },
      textButton: {
        background: 'none',
        border: 0,
        color: theme.palette.type === 'dark' ? '#a8d1ff' : '#0b5cad',
        cursor: 'pointer',
        font: 'inherit',
        fontSize: '0.86rem',
        minHeight: 24,
        padding: 0,
        textDecoration: 'underline',
      },
      columns: {
        display: 'grid',
        gap: theme.spacing(2),
        gridTemplateColumns: 'repeat(auto-fit, minmax(min(100%, 320px), 1fr))',
        '& > *': { minWidth: 0 },
      },
      stack: { display: 'grid', gap: theme.spacing(2), gridTemplateColumns: 'minmax(0, 1fr)' },
      code: {
        background: dark ? '#1b2128' : '#f4f6f8',
        color: theme.palette.text.primary,
        fontFamily: 'monospace',
        overflowX: 'auto',
        padding: theme.spacing(1),
      },
      scroll: {
        overflowX: 'auto',
        '&:focus-visible': { outline: `2px solid ${theme.palette.primary.main}` },
      },
      // A table that becomes a list where there is no room for columns.
      table: {
        borderCollapse: 'collapse',
        width: '100%',
        '& caption': { color: dim, fontSize: '0.86rem', paddingBottom: theme.spacing(0.5), textAlign: 'left' },
        '& th, & td': {
          borderBottom: `1px solid ${theme.palette.divider}`,
          overflowWrap: 'anywhere',
          padding: theme.spacing(0.75, 1.5, 0.75, 0),
          textAlign: 'left',
          verticalAlign: 'top',
        },
        '& thead th': { color: dim, fontSize: '0.86rem', overflowWrap: 'normal', whiteSpace: 'nowrap' },
        '& tbody th': { fontWeight: 600 },
        [theme.breakpoints.down('sm')]: {
          '&, & caption, & tbody, & tr, & tbody th, & td': { display: 'block' },
          '& thead': { clip: 'rect(0 0 0 0)', height: 1, overflow: 'hidden', position: 'absolute', width: 1 },
          // Links below each other keep the distance that fingers need.
          '& tbody th, & td': { borderBottom: 0, lineHeight: 1.75, padding: theme.spacing(0.25, 0) },
          '& tr': { borderBottom: `1px solid ${theme.palette.divider}`, padding: theme.spacing(0.75, 0) },
          // Large enough for a finger, and for WCAG.
          '& td a, & tbody th a': { display: 'inline-block', lineHeight: '24px', minHeight: 24 },
          '& td[data-name]::before': {
            color: dim,
            content: 'attr(data-name) ": "',
            fontSize: '0.86rem',
          },
        },
      },
    };
  },
  { name: 'LitmusResilience' },
);

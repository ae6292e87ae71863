import TextField from '@material-ui/core/TextField';
import { useId } from 'react';
import { useStyles } from './useStyles';

/** A native list to choose from: works with every keyboard, phone and screen reader. */
export function Choice<Value extends string>({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: Value;
  choices: readonly (readonly [Value, string])[];
  onChange: (value: Value) => void;
}) {
  const id = useId();
  const { dim } = useStyles();
  return (
    <TextField
      id={id}
      select
      label={label}
      value={value}
      size="small"
      variant="outlined"
      SelectProps={{ native: true }}
      InputLabelProps={{ shrink: true, className: dim }}
      onChange={event => {
        const chosen = choices.find(([one]) => one === event.target.value);
        if (chosen) onChange(chosen[0]);
      }}
      style={{ minWidth: 120, maxWidth: '100%' }}
    >
      {choices.map(([one, words]) => (
        <option key={one} value={one}>
          {words}
        </option>
      ))}
    </TextField>
  );
}

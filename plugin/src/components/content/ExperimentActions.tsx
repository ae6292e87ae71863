import Button from '@material-ui/core/Button';
import Dialog from '@material-ui/core/Dialog';
import DialogActions from '@material-ui/core/DialogActions';
import DialogContent from '@material-ui/core/DialogContent';
import DialogContentText from '@material-ui/core/DialogContentText';
import DialogTitle from '@material-ui/core/DialogTitle';
import { useId, useState } from 'react';
import type { Experiment } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import { useStyles } from '../common/useStyles';
import { ActionState } from './ActionState';
import { wordOf } from './offers';
import type { Offer } from './offers';
import type { Actions } from './useActions';

/** What may be done with an experiment, why the rest may not, and what became of what was asked for. */
export function ExperimentActions({
  experiment,
  offers,
  actions,
}: {
  experiment: Experiment;
  offers: Offer[];
  actions: Actions;
}) {
  const { t } = useWords();
  const styles = useStyles();
  const [question, setQuestion] = useState<Offer | null>(null);
  const [isOpen, setIsOpen] = useState(false);
  const asked = actions.asked.get(experiment.experimentID);
  const isAsking = asked !== undefined && asked.begun === null && asked.error === null;
  return (
    <>
      <div className={styles.row}>
        {offers
          .filter(offer => offer.allowed.allowed)
          .map(offer => (
            <Button
              key={offer.action}
              size="small"
              variant="outlined"
              disabled={isAsking}
              aria-label={t('action.of', { action: t(`action.${wordOf(offer.action, offer.suspended)}`), name: experiment.name })}
              onClick={() => {
                setQuestion(offer);
                setIsOpen(true);
              }}
            >
              {t(`action.${wordOf(offer.action, offer.suspended)}`)}
            </Button>
          ))}
      </div>
      {offers
        .filter(offer => !offer.allowed.allowed)
        .map(offer => (
          <div key={offer.action} className={`${styles.small} ${styles.dim}`}>
            {t('action.refused', {
              action: t(`action.${wordOf(offer.action, offer.suspended)}`),
              reason: offer.allowed.reason ?? t('action.noReason'),
            })}
          </div>
        ))}
      <div role="status">
        {asked && <ActionState asked={asked} experiment={experiment} refresh={actions.refresh} />}
      </div>
      {question && (
        <Question
          experiment={experiment}
          offer={question}
          isOpen={isOpen}
          onClose={() => {
            setIsOpen(false);
          }}
          onYes={() => {
            setIsOpen(false);
            actions.ask(experiment.experimentID, question);
          }}
        />
      )}
    </>
  );
}

function Question({
  experiment,
  offer,
  isOpen,
  onClose,
  onYes,
}: {
  experiment: Experiment;
  offer: Offer;
  isOpen: boolean;
  onClose: () => void;
  onYes: () => void;
}) {
  const { t } = useWords();
  const id = useId();
  const word = wordOf(offer.action, offer.suspended);
  return (
    <Dialog open={isOpen} onClose={onClose} aria-labelledby={`${id}title`} aria-describedby={`${id}text`}>
      <DialogTitle id={`${id}title`}>{t('action.of', { action: t(`action.${word}`), name: experiment.name })}</DialogTitle>
      <DialogContent>
        <DialogContentText id={`${id}text`} color="textPrimary">
          {t(`action.${word}Question`, { name: experiment.name, infra: experiment.infra.name })}
          {experiment.inProduction && ` ${t('action.inProduction')}`}
        </DialogContentText>
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose}>{t('action.cancel')}</Button>
        <Button variant="contained" color="primary" onClick={onYes}>
          {t(`action.${word}`)}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

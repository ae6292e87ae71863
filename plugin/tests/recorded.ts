/*
 * What the sidecar answered, recorded by `python -m tests.support.plugin_answers`. Each record must have what its
 * type says; only words of a fixed set are text to TypeScript in a file of JSON.
 */
import type * as api from '../src/api/types';
import actionJson from './fixtures/action.json';
import attentionJson from './fixtures/attention.json';
import begunJson from './fixtures/begun.json';
import contentJson from './fixtures/content.json';
import entitiesJson from './fixtures/entities.json';
import nowJson from './fixtures/now.json';
import overviewJson from './fixtures/overview.json';
import portfolioJson from './fixtures/portfolio.json';
import runsJson from './fixtures/runs.json';

type Loose<Answer> = Answer extends string
  ? string
  : Answer extends (infer Row)[]
    ? Loose<Row>[]
    : Answer extends object
      ? { [Key in keyof Answer]: Loose<Answer[Key]> }
      : Answer;

function recorded<Answer>(answer: Loose<Answer>): Answer {
  return answer as Answer;
}

export const action = recorded<api.Action>(actionJson);
export const attention = recorded<api.AttentionList>(attentionJson);
export const begun = recorded<api.Begun>(begunJson);
export const content = recorded<api.Content>(contentJson);
export const entities = recorded<api.EntityList>(entitiesJson);
export const now = recorded<api.NowList>(nowJson);
export const overview = recorded<api.Overview>(overviewJson);
export const portfolio = recorded<api.Portfolio>(portfolioJson);
export const runs = recorded<api.RunPage>(runsJson);

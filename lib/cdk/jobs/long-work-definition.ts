import type { JobKind } from './job-names.ts';
import { choice, type Definition, eachUnit, equals, is, type States, task } from './states.ts';

/** Tasks that all long work has, by the names of their files. */
type CommonTask = 'take-turn' | 'next' | 'report-failure';

export interface LongWork<P extends string> {
  readonly comment: string;
  readonly kind: JobKind;
  /** Phases, by the names of the tasks that work on their units. */
  readonly phases: readonly P[];
  /** ARNs of the functions. */
  readonly tasks: Readonly<Record<CommonTask | P, string>>;
  /** Units of a phase that are worked on at the same time. */
  readonly concurrency: number;
  readonly timeoutSeconds: number;
  /** The function that is called once all phases are done. */
  readonly last: string;
}

/**
 * How long an execution waits before it asks again whether it is its turn. Each time adds about nine events to its history, which
 * holds 25,000 (Step Functions quotas): enough for more than a week.
 */
const WAIT_SECONDS = 300;

const inPascalCase = (name: string): string => name.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());

/**
 * The state machine of any long work. Input: `{ "<kind>_id", "order"? }`. The state between tasks holds ids and numbers of
 * segments, never data.
 *
 * `WhatIsNext` takes the steps of the work up to the first phase with units that are left, and names them; a Map works on them; then
 * it is asked again. The order of the phases is thus in the code alone, which is the same as in a local run.
 *
 * Every failure ends in ReportFailure, which keeps the reason and fails itself. A Fail state in its place could be redriven
 * only to fail again, and a state that failed right where it is would be repeated without those before it. Redriven, the
 * execution continues in ReportFailure, which sees that it was, and leads back to the beginning: there every unit continues
 * from its own checkpoint, and those that are done are not among the units that are left.
 */
export function longWorkDefinition<P extends string>(work: LongWork<P>): Definition {
  const { comment, kind, phases, tasks, concurrency, timeoutSeconds, last } = work;
  const failed = 'ReportFailure';
  const common = { [`${kind}_id.$`]: `$.${kind}_id` };
  const maps = phases.map(
    (phase): States =>
      eachUnit({
        name: inPascalCase(phase),
        resource: tasks[phase],
        units: '$.next.units',
        common: { ...common, 'key.$': '$.next.key' },
        concurrency,
        next: 'WhatIsNext',
        failed,
      }),
  );
  const attempt = { 'redrive_count.$': '$$.Execution.RedriveCount' };
  return {
    Comment: comment,
    StartAt: 'TakeTurn',
    TimeoutSeconds: timeoutSeconds,
    States: {
      TakeTurn: task({ resource: tasks['take-turn'], result: '$.turn', next: 'IsItsTurn', failed }),
      IsItsTurn: choice([[is('$.turn.taken'), 'WhatIsNext']], 'WaitForTurn'),
      WaitForTurn: { Type: 'Wait', Seconds: WAIT_SECONDS, Next: 'TakeTurn' },
      WhatIsNext: task({
        resource: tasks.next,
        parameters: { ...common, ...attempt },
        result: '$.next',
        next: 'ChoosePhase',
        failed,
      }),
      ChoosePhase: choice(
        phases.map((phase) => [equals('$.next.phase', phase), inPascalCase(phase)] as const),
        'Last',
      ),
      ...Object.assign({}, ...maps),
      Last: task({ resource: last, parameters: common, result: '$.outcome', next: 'Done', failed }),
      Done: { Type: 'Succeed', OutputPath: '$.outcome' },
      ReportFailure: task({
        resource: tasks['report-failure'],
        parameters: { ...common, ...attempt, 'error.$': '$.error' },
        next: 'TakeTurn',
      }),
    },
  };
}

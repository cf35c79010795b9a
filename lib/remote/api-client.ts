/** Calls to the API: authorized, retried if that is safe, with their failures classified. */
import { setTimeout as sleep } from 'node:timers/promises';
import { packageVersion } from '../config/package-version.ts';
import { pauseAfter } from '../repository/backoff.ts';
import { StorageError, StorageUnavailableError } from '../repository/errors.ts';
import { PROBLEM_TYPE, type ProblemDetails } from '../service/http/problems.ts';
import type { Authorize } from './authorization.ts';
import { type QueryPairs, queryString } from './call-path.ts';
import {
  foreignAnswer,
  gatewayProblem,
  type Identification,
  jsonObjectOf,
  mayBeDone,
  unreachable,
  worthRetrying,
} from './exchange-failures.ts';
import { type Answer, HttpExchange, NoAnswer, NotSent } from './http-exchange.ts';
import { AnswerLostError, RemoteCallError } from './remote-errors.ts';
import type { RemoteTarget } from './remote-target.ts';
import { type RetryPolicy, retryAfterMs, standardPolicy } from './retry-policy.ts';

/**
 * The effect of sending a call twice: none (`read`), none or a refusal because of the expected version (`guarded`), or the
 * work done twice (`unguarded`), so that the call is retried only if the first attempt cannot have been executed.
 */
export type Effect = 'read' | 'guarded' | 'unguarded';

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From `/v1` on, percent-encoded. */
  readonly path: string;
  readonly query?: QueryPairs;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly effect: Effect;
}

export interface ApiAnswer {
  readonly status: number;
  /** An empty object if the answer has none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether an earlier attempt of the same call may have been executed. */
  readonly afterLostAnswer: boolean;
}

/** The service answered with a problem, whose meaning depends on the call. */
export class ApiProblem extends Error {
  readonly call: ApiCall;
  readonly problem: ProblemDetails;
  /** Whether an earlier attempt of the same call may have been executed. */
  readonly afterLostAnswer: boolean;

  constructor(call: ApiCall, problem: ProblemDetails, afterLostAnswer: boolean) {
    super(problem.detail);
    this.call = call;
    this.problem = problem;
    this.afterLostAnswer = afterLostAnswer;
  }

  /** The end of the problem's type. */
  get code(): string {
    return this.problem.type.replace('urn:hostfactory:problem:', '');
  }
}

type Success = Omit<ApiAnswer, 'afterLostAnswer'>;

/** How an attempt failed. */
interface Failure {
  readonly error: StorageError | ProblemDetails;
  /** Whether the call may have been executed nevertheless. */
  readonly mayBeDone: boolean;
  /** Whether a retry may succeed. */
  readonly transient: boolean;
  readonly retryAfterMs?: number | undefined;
}

const transientCodes: ReadonlySet<string> = new Set(['storage_unavailable', 'deadline_exceeded']);

/** Longest path and query. `hfstorage serve` accepts 16 KB including the headers, API Gateway only 10 KB. */
const MAX_URL = 16_000;

/** If a URL is far too long, servers hang up before they have read it, and their reason is lost. */
function requireShortUrl({ path, query = [] }: ApiCall): void {
  const { length } = path + queryString(query);
  if (length <= MAX_URL) return;
  const message = `The filters take ${length} bytes in the URL, which may have at most ${MAX_URL}. Ask for fewer values in one call.`;
  throw new RemoteCallError('headers_too_large', 431, message);
}

export interface ApiClientOptions {
  /** Whether calls are authorized by a token, instead of a signature. */
  readonly hasToken?: boolean;
  /** Sent with every call, however it is authorized. */
  readonly apiKey?: string | undefined;
  readonly policy?: RetryPolicy;
}

function asProblem(body: Record<string, unknown> | undefined): ProblemDetails | undefined {
  const isProblem = typeof body?.type === 'string' && body.type.startsWith('urn:hostfactory:problem:');
  return isProblem ? (body as unknown as ProblemDetails) : undefined;
}

export class ApiClient {
  readonly target: RemoteTarget;
  readonly #authorize: Authorize;
  readonly #identification: Identification;
  /** Sent with every call. */
  readonly #headers: Readonly<Record<string, string>>;
  readonly #policy: RetryPolicy;
  readonly #exchange: HttpExchange;
  readonly #inProgress = new Set<Promise<unknown>>();
  #closed = false;

  constructor(
    target: RemoteTarget,
    authorize: Authorize,
    { hasToken = false, apiKey, policy = standardPolicy }: ApiClientOptions = {},
  ) {
    this.target = target;
    this.#authorize = authorize;
    this.#identification = { hasToken, hasKey: apiKey !== undefined };
    this.#headers = {
      // AWS WAF's common rules block calls without a User-Agent.
      'User-Agent': `hfstorage/${packageVersion()}`,
      ...(apiKey !== undefined && { 'x-api-key': apiKey }),
    };
    this.#policy = policy;
    this.#exchange = new HttpExchange(target);
  }

  /**
   * Makes a call.
   * @throws ApiProblem if the service answers with one
   * @throws AnswerLostError if it is not known whether a write was executed
   * @throws StorageUnavailableError if the service cannot be reached, RemoteCallError if something else answers
   */
  async call(call: ApiCall): Promise<ApiAnswer> {
    if (this.#closed) throw new StorageUnavailableError('The connection to the API is closed. Open another one.');
    requireShortUrl(call);
    const made = this.#callWithRetries(call);
    this.#inProgress.add(made);
    try {
      return await made;
    } finally {
      this.#inProgress.delete(made);
    }
  }

  /** Waits for the calls in progress, and ends the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inProgress);
    this.#exchange.close();
  }

  async #callWithRetries(call: ApiCall): Promise<ApiAnswer> {
    const end = performance.now() + this.#policy.totalMs;
    let lost = false;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(call, Math.min(this.#policy.attemptMs, end - performance.now()));
      if ('status' in outcome) return { ...outcome, afterLostAnswer: lost };
      const safe = call.effect !== 'unguarded' || !outcome.mayBeDone;
      const pause = Math.max(pauseAfter(attempt, this.#policy), outcome.retryAfterMs ?? 0);
      const late = performance.now() + pause >= end;
      if (!outcome.transient || !safe || late || attempt === this.#policy.attempts) throw final(call, outcome, lost);
      lost ||= outcome.mayBeDone;
      await sleep(pause);
    }
  }

  async #attempt(call: ApiCall, timeLimitMs: number): Promise<Success | Failure> {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const { method, query = [] } = call;
    const path = `${this.target.basePath}${call.path}`;
    const headers = {
      ...this.#headers,
      ...call.headers,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    };
    const { host, url } = this.target;
    try {
      // For each attempt: a signature is valid for only a few minutes.
      const authorization = await this.#authorize({ method, host, path, query, headers, body });
      const sent = { method, path: `${path}${queryString(query)}`, headers: { ...headers, ...authorization }, body };
      return this.#read(await this.#exchange.send(sent, timeLimitMs));
    } catch (error) {
      if (error instanceof StorageError) return { error, mayBeDone: false, transient: false };
      if (!(error instanceof NotSent || error instanceof NoAnswer)) throw error;
      return {
        error: unreachable(url, error),
        mayBeDone: error instanceof NoAnswer,
        transient: worthRetrying(error),
      };
    }
  }

  #read(answer: Answer): Success | Failure {
    const { status, headers } = answer;
    const body = jsonObjectOf(answer);
    if (status >= 200 && status < 300 && (body !== undefined || status === 204)) return { status, body: body ?? {} };
    const wait = retryAfterMs(headers['retry-after']);
    const problem = headers['content-type']?.startsWith(PROBLEM_TYPE) === true ? asProblem(body) : undefined;
    const { url } = this.target;
    const gateways = problem && gatewayProblem(url, answer, problem.detail, this.#identification);
    if (problem !== undefined && gateways === undefined) {
      const transient = transientCodes.has(problem.type.replace('urn:hostfactory:problem:', ''));
      return { error: problem, mayBeDone: transient, transient, retryAfterMs: wait };
    }
    const error = gateways ?? foreignAnswer(url, answer, this.#identification);
    return { error, mayBeDone: mayBeDone(status), transient: error.retryable, retryAfterMs: wait };
  }
}

/** The error that a call ends with after its last attempt. */
function final(call: ApiCall, { error, mayBeDone, transient }: Failure, lostBefore: boolean): Error {
  const reason = error instanceof StorageError ? error : new StorageUnavailableError(error.detail);
  const isWrite = call.effect !== 'read';
  if (isWrite && (mayBeDone || (lostBefore && (transient || error instanceof StorageError)))) {
    const text = reason.message.replace(/\.(?: (?:Try again|Retry the same).*)?$/, '');
    return new AnswerLostError(`${call.method} ${call.path}`, text, { cause: reason });
  }
  if (error instanceof StorageError) return error;
  return transient ? reason : new ApiProblem(call, error, lostBefore);
}

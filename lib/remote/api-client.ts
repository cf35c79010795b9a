/** Calls of the API: authorized, repeated where that does no harm, and their failures told apart. */
import { setTimeout as sleep } from 'node:timers/promises';
import { packageVersion } from '../config/package-version.ts';
import { StorageError, StorageUnavailableError } from '../repository/errors.ts';
import { PROBLEM_TYPE, type ProblemDetails } from '../service/http/problems.ts';
import type { Authorize } from './aws-signature.ts';
import { type QueryPairs, queryString } from './call-path.ts';
import { type Carried, foreignAnswer, gatewayProblem, jsonObjectOf, mayBeDone } from './foreign-answers.ts';
import { type Answer, HttpExchange, NoAnswer, NotSent } from './http-exchange.ts';
import { AnswerLostError, RemoteCallError } from './remote-errors.ts';
import type { RemoteTarget } from './remote-target.ts';
import { pauseAfter, type RetryPolicy, retryAfterMs, standardPolicy } from './retry-policy.ts';
import { unreachable, worthRepeating } from './unreachable.ts';

/**
 * What sending a call twice would do: nothing (`read`), nothing or a refusal by the version it asks for (`guarded`), or
 * its work a second time (`unguarded`), so that it is repeated only where the first cannot have been carried out.
 */
export type Effect = 'read' | 'guarded' | 'unguarded';

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From `/v1` on, percent-encoded. */
  readonly path: string;
  readonly query?: QueryPairs;
  readonly headers?: Readonly<Record<string, string>>;
  /** To be sent as JSON. */
  readonly body?: unknown;
  readonly effect: Effect;
}

export interface ApiAnswer {
  readonly status: number;
  /** An empty object where the answer has none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether an earlier attempt of the same call may have been carried out. */
  readonly afterLostAnswer: boolean;
}

/** The service answered with a problem. What it means depends on what the call was for. */
export class ApiProblem extends Error {
  readonly call: ApiCall;
  readonly problem: ProblemDetails;
  /** Whether an earlier attempt of the same call may have been carried out. */
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
  /** Whether the call may have been carried out all the same. */
  readonly mayBeDone: boolean;
  /** Whether another attempt can help. */
  readonly passing: boolean;
  readonly retryAfterMs?: number | undefined;
}

const transientCodes: ReadonlySet<string> = new Set(['storage_unavailable', 'deadline_exceeded']);

/** Longest path and query. What takes most is `hfstorage serve` with 16 KB, headers included; API Gateway takes 10 KB. */
const MAX_URL = 16_000;

/** Where a URL is far too long, servers hang up before they have read it, and their reason is lost. */
function requireShortUrl({ path, query = [] }: ApiCall): void {
  const { length } = path + queryString(query);
  if (length <= MAX_URL) return;
  const message = `The filters take ${length} bytes in the URL, where at most ${MAX_URL} have room. Ask for fewer values in one call.`;
  throw new RemoteCallError('headers_too_large', 431, message);
}

export interface ApiClientOptions {
  /** Whether calls are authorized by a token, instead of a signature. */
  readonly hasToken?: boolean;
  /** Sent with every call, whatever authorizes it. */
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
  readonly #carried: Carried;
  /** Of every call. */
  readonly #headers: Readonly<Record<string, string>>;
  readonly #policy: RetryPolicy;
  readonly #exchange: HttpExchange;
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  constructor(
    target: RemoteTarget,
    authorize: Authorize,
    { hasToken = false, apiKey, policy = standardPolicy }: ApiClientOptions = {},
  ) {
    this.target = target;
    this.#authorize = authorize;
    this.#carried = { hasToken, hasKey: apiKey !== undefined };
    this.#headers = {
      // AWS WAF's common rules block calls that do not say what sends them.
      'User-Agent': `hfstorage/${packageVersion()}`,
      ...(apiKey !== undefined && { 'x-api-key': apiKey }),
    };
    this.#policy = policy;
    this.#exchange = new HttpExchange(target);
  }

  /**
   * Makes a call.
   * @throws ApiProblem where the service answers with one
   * @throws AnswerLostError where a write may have been carried out or not
   * @throws StorageUnavailableError where the service cannot be reached, RemoteCallError where something else answers
   */
  async call(call: ApiCall): Promise<ApiAnswer> {
    if (this.#closed) throw new StorageUnavailableError('The connection to the API is closed. Open another one.');
    requireShortUrl(call);
    const made = this.#repeat(call);
    this.#underWay.add(made);
    try {
      return await made;
    } finally {
      this.#underWay.delete(made);
    }
  }

  /** Waits for the calls under way, and ends the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#underWay);
    this.#exchange.close();
  }

  async #repeat(call: ApiCall): Promise<ApiAnswer> {
    const end = performance.now() + this.#policy.totalMs;
    let lost = false;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(call, Math.min(this.#policy.attemptMs, end - performance.now()));
      if ('status' in outcome) return { ...outcome, afterLostAnswer: lost };
      const harmless = call.effect !== 'unguarded' || !outcome.mayBeDone;
      const pause = Math.max(pauseAfter(attempt, this.#policy), outcome.retryAfterMs ?? 0);
      const late = performance.now() + pause >= end;
      if (!outcome.passing || !harmless || late || attempt === this.#policy.attempts) throw final(call, outcome, lost);
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
      // Each attempt anew: a signature is good for some minutes only.
      const authorization = await this.#authorize({ method, host, path, query, headers, body });
      const sent = { method, path: `${path}${queryString(query)}`, headers: { ...headers, ...authorization }, body };
      return this.#read(await this.#exchange.send(sent, timeLimitMs));
    } catch (error) {
      if (error instanceof StorageError) return { error, mayBeDone: false, passing: false };
      if (!(error instanceof NotSent || error instanceof NoAnswer)) throw error;
      return {
        error: unreachable(url, error),
        mayBeDone: error instanceof NoAnswer,
        passing: worthRepeating(error),
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
    const gateways = problem && gatewayProblem(url, answer, problem.detail, this.#carried);
    if (problem !== undefined && gateways === undefined) {
      const passing = transientCodes.has(problem.type.replace('urn:hostfactory:problem:', ''));
      return { error: problem, mayBeDone: passing, passing, retryAfterMs: wait };
    }
    const error = gateways ?? foreignAnswer(url, answer, this.#carried);
    return { error, mayBeDone: mayBeDone(status), passing: error.retryable, retryAfterMs: wait };
  }
}

/** The error that a call ends with after its last attempt. */
function final(call: ApiCall, { error, mayBeDone, passing }: Failure, lostBefore: boolean): Error {
  const reason = error instanceof StorageError ? error : new StorageUnavailableError(error.detail);
  const isWrite = call.effect !== 'read';
  if (isWrite && (mayBeDone || (lostBefore && (passing || error instanceof StorageError)))) {
    const text = reason.message.replace(/\.(?: (?:Try again|Retry the same).*)?$/, '');
    return new AnswerLostError(`${call.method} ${call.path}`, text, { cause: reason });
  }
  if (error instanceof StorageError) return error;
  return passing ? reason : new ApiProblem(call, error, lostBefore);
}

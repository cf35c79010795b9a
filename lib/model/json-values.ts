/** The rules for JSON values that every store can hold (DynamoDB, PostgreSQL and SQLite alike). */
import type { JsonObject, JsonValue } from './entities.ts';
import { MAX_NESTING, MIN_NUMBER } from './limits.ts';

/** One problem of an input: where it is, and what to do about it. */
export interface Problem {
  /** Such as `attributes.disks[2].size`; empty for the input as a whole. */
  readonly path: string;
  readonly message: string;
}

/** Problems as one text, each with its path. */
export const problemsInWords = (problems: readonly Problem[]): string =>
  problems.map(({ path, message }) => (path === '' ? message : `${path} ${message}`)).join('; ');

/** Further problems are not listed, which bounds the length of a message. */
const MAX_PROBLEMS = 100;
/** Longer names are truncated in paths. */
const MAX_KEY_IN_PATH = 100;

const PLAIN_KEY = /^[\p{L}\p{N}_-]+$/u;

/** The path of a member of the value at `path`. */
export const childPath = (path: string, key: string | number): string => {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (key.length > MAX_KEY_IN_PATH) return `${path}[${JSON.stringify(`${key.slice(0, MAX_KEY_IN_PATH)}…`)}]`;
  if (!PLAIN_KEY.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
};

export const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  // An object of another realm has that realm's Object.prototype, which is recognised by having no prototype itself.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

/** Sets an own property of any name; plain assignment to `__proto__` would not. */
export function setOwn<T>(target: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    target[key] = value;
  }
}

/** What is wrong with a string, or undefined. */
export function stringProblem(text: string): string | undefined {
  if (text.includes('\u0000')) return 'must not contain the character U+0000, which PostgreSQL cannot store';
  if (!text.isWellFormed()) return 'must be well-formed Unicode: it contains half of a surrogate pair';
  return undefined;
}

/** What is wrong with a number, or undefined. */
export function numberProblem(number: number): string | undefined {
  if (!Number.isFinite(number)) return `must be a finite number, not ${number}`;
  const magnitude = Math.abs(number);
  if (magnitude > Number.MAX_SAFE_INTEGER) {
    return 'must lie within ±(2^53 - 1), where every integer is exact; send larger numbers as text';
  }
  if (magnitude !== 0 && magnitude < MIN_NUMBER) {
    return 'is closer to zero than 1E-130, the smallest number DynamoDB can store';
  }
  return undefined;
}

/** Copies JSON values while checking them. One copier serves one entity, and computes an upper bound of its size. */
export class JsonCopier {
  readonly problems: Problem[] = [];
  /** Upper bound of the copied values as UTF-8 JSON, in bytes: a character takes at most six (`\u001f`). */
  sizeBound = 2;

  /** Returns a deep copy of a JSON value, or undefined if it is not one; problems are added to `problems`. */
  copy(value: unknown, path: string, depth = 0): JsonValue | undefined {
    switch (typeof value) {
      case 'string':
        this.sizeBound += 6 * value.length + 3;
        return this.#accept(value, path, stringProblem(value));
      case 'number':
        this.sizeBound += 26;
        // -0 does not survive in every store.
        return this.#accept(value === 0 ? 0 : value, path, numberProblem(value));
      case 'boolean':
        this.sizeBound += 6;
        return value;
      case 'object':
        if (value === null) {
          this.sizeBound += 5;
          return null;
        }
        if (depth === MAX_NESTING) return this.#accept(undefined, path, `is nested deeper than ${MAX_NESTING} levels`);
        if (Array.isArray(value)) return this.#copyArray(value, path, depth);
        if (isPlainObject(value)) return this.#copyObject(value, path, depth);
        break;
    }
    const kind = typeof value === 'object' ? (value?.constructor?.name ?? 'object') : typeof value;
    return this.#accept(undefined, path, `must be a JSON value, not ${kind}`);
  }

  /** Checks a field name, which counts as part of the size. */
  checkKey(key: string, path: string): boolean {
    this.sizeBound += 6 * key.length + 4;
    const problem = key === '' ? 'has an empty field name, which DynamoDB cannot store' : stringProblem(key);
    if (problem !== undefined) this.#add(path, problem);
    return problem === undefined;
  }

  #accept<T>(value: T, path: string, problem: string | undefined): T | undefined {
    if (problem === undefined) return value;
    this.#add(path, problem);
    return undefined;
  }

  #add(path: string, message: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ path, message });
  }

  #copyArray(value: unknown[], path: string, depth: number): JsonValue[] {
    this.sizeBound += 3;
    const copy: JsonValue[] = [];
    for (let i = 0; i < value.length; i++) {
      const item = this.copy(value[i], childPath(path, i), depth + 1);
      if (item !== undefined) copy.push(item);
    }
    return copy;
  }

  #copyObject(value: Record<string, unknown>, path: string, depth: number): JsonObject {
    this.sizeBound += 3;
    const copy: JsonObject = {};
    for (const key of Object.keys(value)) {
      if (value[key] === undefined) continue;
      const keyPath = childPath(path, key);
      if (!this.checkKey(key, keyPath)) continue;
      const item = this.copy(value[key], keyPath, depth + 1);
      if (item !== undefined) setOwn(copy, key, item);
    }
    return copy;
  }
}

/** A deep copy of a value that is known to be JSON. Cheaper than structuredClone, and keeps `__proto__` a plain key. */
export function cloneJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) setOwn(copy, key, cloneJson((value as Record<string, unknown>)[key]));
  return copy as T;
}

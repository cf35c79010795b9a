/** Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere. On stderr, like notes. */
import { Presets, SingleBar } from 'cli-progress';
import type { Output } from './output.ts';

/** Interval between plain lines. */
const LINE_MS = 5_000;
const BAR_FORMAT = '{step} {bar} {percentage}% | {value}/{total} | {rate}/s | {left} left';

interface Step {
  readonly label: string;
  readonly total: number | undefined;
  readonly startedAt: number;
  done: number;
  printedAt: number;
  readonly bar?: SingleBar;
}

const seconds = (ms: number): string => {
  const whole = Math.ceil(ms / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
};

/** Shows one step at a time; naming another step ends the previous one. */
export class Progress implements Disposable {
  readonly #output: Output;
  #step: Step | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  /**
   * Adds to a step, which begins with its first call.
   * @param label for example 'copy machines'
   * @param total if known
   */
  add(label: string, count: number, total?: number): void {
    if (this.#step?.label !== label) this.#begin(label, total);
    const step = this.#step as Step;
    step.done += count;
    const now = performance.now();
    if (step.bar !== undefined) step.bar.update(step.done, this.#shown(step, now));
    else if (now - step.printedAt >= LINE_MS) {
      step.printedAt = now;
      this.#output.note(this.#line(step, now));
    }
  }

  /** Ends the last step. */
  [Symbol.dispose](): void {
    const step = this.#step;
    if (step === undefined) return;
    this.#step = undefined;
    step.bar?.stop();
    if (step.bar === undefined && step.done > 0) this.#output.note(this.#line(step, performance.now(), true));
  }

  #begin(label: string, total: number | undefined): void {
    this[Symbol.dispose]();
    const now = performance.now();
    const step: Step = { label, total, startedAt: now, done: 0, printedAt: now };
    const { errorTerminal } = this.#output;
    if (errorTerminal === undefined || total === undefined) {
      this.#step = step;
      return;
    }
    const bar = new SingleBar(
      { format: BAR_FORMAT, stream: errorTerminal, hideCursor: true, barsize: 30 },
      Presets.shades_classic,
    );
    bar.start(total, 0, this.#shown(step, now));
    this.#step = { ...step, bar };
  }

  #shown(step: Step, now: number): { step: string; rate: string; left: string } {
    const elapsed = now - step.startedAt;
    const rate = elapsed === 0 ? 0 : (step.done / elapsed) * 1000;
    const left = step.total === undefined || rate === 0 ? '?' : seconds(((step.total - step.done) / rate) * 1000);
    return { step: step.label, rate: String(Math.round(rate)), left };
  }

  #line(step: Step, now: number, ended = false): string {
    const { rate, left } = this.#shown(step, now);
    const of = step.total === undefined ? '' : ` of ${step.total}`;
    if (ended) return `${step.label}: ${step.done}${of} in ${seconds(now - step.startedAt)}`;
    return `${step.label}: ${step.done}${of}, ${rate}/s${step.total === undefined ? '' : `, ${left} left`}`;
  }
}

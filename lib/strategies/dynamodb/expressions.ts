/** Expressions in which every name and every value is a placeholder: reserved words and hostile names are harmless. */

/** The parts of a command that an expression consists of, besides its text. */
export interface Placeholders {
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, unknown>;
}

/** Hands out placeholders, the same for the same name. */
export class Expression {
  readonly #names = new Map<string, string>();
  readonly #values: Record<string, unknown> = {};
  #count = 0;

  name(attribute: string): string {
    const known = this.#names.get(attribute);
    if (known !== undefined) return known;
    const placeholder = `#n${this.#names.size}`;
    this.#names.set(attribute, placeholder);
    return placeholder;
  }

  value(value: unknown): string {
    const placeholder = `:v${this.#count++}`;
    this.#values[placeholder] = value;
    return placeholder;
  }

  /** What goes beside the text; empty parts are left out, since DynamoDB refuses them. */
  get placeholders(): Placeholders {
    const names = [...this.#names].map(([attribute, placeholder]) => [placeholder, attribute] as const);
    return {
      ...(names.length > 0 && { ExpressionAttributeNames: Object.fromEntries(names) }),
      ...(this.#count > 0 && { ExpressionAttributeValues: this.#values }),
    };
  }
}

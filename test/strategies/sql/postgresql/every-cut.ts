import type { CutRule, CuttingProxy } from '../../../backends/cutting-proxy.ts';

/** One break of the network that a test must survive. */
export interface Cut {
  /** Breaks the connection at the next message to be cut, counted from now. */
  arm(): void;
  /** What was cut, such as `Sync of INSERT INTO …`; undefined if the message never came. */
  readonly message: string | undefined;
}

const NAMES: Readonly<Record<string, string>> = { P: 'Parse', B: 'Bind', D: 'Describe', E: 'Execute', S: 'Sync' };

/** The n-th message since `from` that matches a rule, with the statement that it belongs to. */
function describe({ messages }: CuttingProxy, from: number, { from: side = 'client', type }: CutRule, nth: number) {
  if (side === 'server') return `answer ${nth}`;
  const chosen = messages.slice(from).filter((message) => type === undefined || message.type === type)[nth - 1];
  if (chosen === undefined) return `message ${nth}`;
  const until = messages.slice(0, messages.indexOf(chosen) + 1);
  const statement = until.findLast(({ connection, text }) => connection === chosen.connection && text !== undefined);
  const name = NAMES[chosen.type];
  return name === undefined ? (statement?.text ?? chosen.type) : `${name} of ${statement?.text}`;
}

/**
 * Cuts at the first message, at the second, and so on. Ends with the first armed cut that has nothing left to cut.
 * @param rule which messages count, and how they are cut
 */
export async function* everyCut(proxy: CuttingProxy, rule: Omit<CutRule, 'nth'>): AsyncGenerator<Cut> {
  for (let nth = 1; ; nth++) {
    let message: string | undefined;
    const cut: Cut = {
      arm: () => {
        const from = proxy.messages.length;
        void proxy.cutAt({ ...rule, nth }).then(() => {
          message = describe(proxy, from, rule, nth);
        });
      },
      get message() {
        return message;
      },
    };
    yield cut;
    if (message === undefined) return;
  }
}

/** Splits what PostgreSQL clients and servers send into messages (PostgreSQL 18 documentation, chapter 54.7). */

/** One message on the wire. */
export interface WireMessage {
  /** The letter of its type, such as Q for Query; a client's first messages have none and get a name instead. */
  readonly type: string;
  /** The statement of a Query or a Parse message. */
  readonly text?: string;
  readonly bytes: Buffer;
}

const SSL_REQUEST = 80877103;
const CANCEL_REQUEST = 80877102;

function openingType(bytes: Buffer): string {
  const code = bytes.readInt32BE(4);
  if (code === SSL_REQUEST) return 'ssl';
  return code === CANCEL_REQUEST ? 'cancel' : 'startup';
}

function statementOf(type: string, bytes: Buffer): { text?: string } {
  if (type !== 'Q' && type !== 'P') return {};
  // Parse begins with the name of the statement.
  const from = type === 'Q' ? 5 : bytes.indexOf(0, 5) + 1;
  return { text: bytes.toString('utf8', from, bytes.indexOf(0, from)) };
}

/**
 * A function that takes the chunks of one direction of one connection, in order, and returns the messages that each completes.
 * @param from the sender: a client's first messages have no type
 */
export function messageSplitter(from: 'client' | 'server'): (chunk: Buffer) => WireMessage[] {
  let rest = Buffer.alloc(0);
  let opening = from === 'client';
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const messages: WireMessage[] = [];
    for (;;) {
      const typed = opening ? 0 : 1;
      const length = rest.length < typed + 4 ? Number.POSITIVE_INFINITY : typed + rest.readInt32BE(typed);
      if (rest.length < length) return messages;
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      const type = opening ? openingType(bytes) : String.fromCharCode(bytes[0] as number);
      messages.push({ type, bytes, ...(from === 'client' ? statementOf(type, bytes) : {}) });
      // The real start-up message follows a refused request for TLS.
      opening = opening && type === 'ssl';
    }
  };
}

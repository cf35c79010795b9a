/** The certificates of `fixtures`, made by make-certificates.sh there. */
import { join } from 'node:path';

const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);

/** The CA that signed the server's certificate. */
export const CA = fixture('ca.pem');
/** A CA that signed nothing. */
export const OTHER_CA = fixture('other-ca.pem');
/** A server's certificate for the name localhost, and for no address. */
export const LOCALHOST = { certFile: fixture('localhost.pem'), keyFile: fixture('localhost.key') };

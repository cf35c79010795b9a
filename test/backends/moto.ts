/** Finds moto_server, the S3 server of the tests. */
import { findPythonTool } from './python-tool.ts';

/**
 * The path of moto_server.
 * @throws Error that says what to install
 */
export const findMoto = (): string =>
  findPythonTool({
    command: 'moto_server',
    requirement: 'moto[server]==5.2.1',
    purpose: 'the tests that need S3',
    otherwise: ', or set HFSTORAGE_TEST_S3_ENDPOINT',
  });

import type { Operation } from '../service/http/routes.ts';
import type { ServiceFunction } from '../service/service.ts';
import { type ApiHandler, answering } from './api-answering.ts';
import { processRepository } from './repository-provider.ts';

/** The Lambda handler of an operation on the repository: the caller's, or else the one of this process. */
export const apiHandler = (operation: Operation, serve: ServiceFunction): ApiHandler =>
  answering(operation, async (request, { repository }) => serve(repository ?? (await processRepository()), request));

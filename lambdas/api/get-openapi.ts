import { answering } from '../../lib/lambda/api-answering.ts';
import { getOpenapi } from '../../lib/service/operations/get-openapi.ts';

// Without a repository: this function may open no store, and needs none.
export const handler = answering('get-openapi', getOpenapi);

import { getOpenapi } from '../../lib/service/get-openapi.ts';
import { answering } from '../api-answering.ts';

// Without a repository: this function may open no store, and needs none.
export const handler = answering('get-openapi', getOpenapi);

/** Loaded before each unit test: it has no servers. */
import { NO_BACKENDS } from './backend.ts';

process.env.HFSTORAGE_TEST_BACKENDS = NO_BACKENDS;

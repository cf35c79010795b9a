import './on-dev.ts';
import '../../server/queries.test.ts';

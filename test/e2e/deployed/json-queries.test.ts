import './on-json.ts';
import '../../server/queries.test.ts';

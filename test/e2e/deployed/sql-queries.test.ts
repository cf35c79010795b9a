import './on-sql.ts';
import '../../server/queries.test.ts';

import './on-sql.ts';
import '../../server/batches.test.ts';

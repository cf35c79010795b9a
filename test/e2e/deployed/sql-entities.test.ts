import './on-sql.ts';
import '../../server/entities.test.ts';

import './on-sql.ts';
import '../../server/transactions.test.ts';

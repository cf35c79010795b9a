import './on-json.ts';
import '../../server/transactions.test.ts';

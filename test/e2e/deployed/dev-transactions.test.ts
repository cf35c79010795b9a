import './on-dev.ts';
import '../../server/transactions.test.ts';

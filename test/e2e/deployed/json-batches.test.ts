import './on-json.ts';
import '../../server/batches.test.ts';

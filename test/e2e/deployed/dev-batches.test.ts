import './on-dev.ts';
import '../../server/batches.test.ts';

import './on-dev.ts';
import '../../server/preconditions.test.ts';

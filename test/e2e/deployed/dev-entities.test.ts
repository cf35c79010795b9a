import './on-dev.ts';
import '../../server/entities.test.ts';

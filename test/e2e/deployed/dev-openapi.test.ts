import './on-dev.ts';
import '../../server/openapi.test.ts';

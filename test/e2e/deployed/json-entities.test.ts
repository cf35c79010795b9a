import './on-json.ts';
import '../../server/entities.test.ts';

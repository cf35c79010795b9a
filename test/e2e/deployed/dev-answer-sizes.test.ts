import './on-dev.ts';
import '../../server/answer-sizes.test.ts';

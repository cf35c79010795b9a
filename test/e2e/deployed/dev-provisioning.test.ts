import './on-dev.ts';
import '../../server/provisioning.test.ts';

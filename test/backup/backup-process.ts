/**
 * A process that backs a store up and kills itself once so many files are written: `backup-process.ts CONFIG FOLDER FILES
 * ID`. As late as possible: the file has its name by then.
 */

import { createBackup } from '../../lib/backup/create-backup.ts';
import { createNativeBackup } from '../../lib/backup/native-backups.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { openLocation } from '../../lib/objects/open-location.ts';
import { SerialQueue } from '../../lib/repository/serial-queue.ts';
import { copyNatively } from '../../lib/strategies/native-backup.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';

const [config, path, files, id, kind] = process.argv.slice(2) as [string, string, string, string, string];
const location = await openLocation(path);
let written = 0;
const write = location.write.bind(location);
// One after the other, so that it is known which are there.
const writes = new SerialQueue();
location.write = (name, bytes) =>
  writes.run(async () => {
    if (written === Number(files)) process.kill(process.pid, 'SIGKILL');
    written++;
    await write(name, bytes);
  });
if (kind === 'native') {
  const parsed = parseConfig(JSON.parse(config));
  const copy = (folder: string, backup: string) => copyNatively(parsed, { folder, id: backup });
  await createNativeBackup({ location, store: 'sqlite', place: 'the store of a test', id, copy });
} else {
  const repository = await openRepository(JSON.parse(config));
  await createBackup(repository.strategy, { location, place: 'the store of a test', id });
  await repository.close();
}

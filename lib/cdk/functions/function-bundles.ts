/** The folders of all functions: their code and accompanying files. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/configuration.ts';
import { parseConfig } from '../../config/parse-config.ts';
import { apiSources } from '../api/api-functions.ts';
import type { PeerFile } from '../environment/peer-file.ts';
import {
  CERTIFICATES_FILE,
  CONFIG_FILE,
  deployedConfig,
  deployedJobsConfig,
  PEER_CERTIFICATES_FILE,
  peerConfig,
  withoutCache,
} from '../environment/placeholders.ts';
import { jobOperations } from '../jobs/job-access.ts';
import { backupSources, migrationSources, restoreTestSource } from '../jobs/job-sources.ts';
import { addFiles, type Bundler, type FunctionSource, unusedModules } from './bundle.ts';

/** The store into which backups are restored for testing. */
const scratch = (): Config => parseConfig({ storage: { strategy: 'sql', sql_strategy: { name: 'scratch.db' } } }, {});

/** The file with a database's CA certificates, if the configuration names one. */
const certificatesOf = ({ storage }: Config): string | undefined =>
  storage.strategy === 'sql' ? storage.sql_strategy.sslrootcert : undefined;

/** Creates a folder per function. */
export function makeBundles(config: Config, peer: PeerFile | undefined, outdir: string, bundler: Bundler): void {
  const uncached = withoutCache(config);
  const both = peer === undefined ? [uncached] : [uncached, peer.config];
  const groups: readonly (readonly [readonly FunctionSource[], string[]])[] = [
    [apiSources, unusedModules(config)],
    [migrationSources, unusedModules(...both)],
    [backupSources, unusedModules(uncached)],
    [[restoreTestSource], unusedModules(scratch())],
  ];
  for (const [functions, external] of groups) bundler({ functions, external, outdir });

  const isJob = ({ name }: FunctionSource): boolean => jobOperations.some((operation) => operation === name);
  const ofPeer = [...migrationSources, ...apiSources.filter(isJob)];
  const jobs = [...ofPeer, ...backupSources, restoreTestSource];
  addFiles({ functions: apiSources, outdir }, { [CONFIG_FILE]: deployedConfig(config) });
  addFiles({ functions: jobs, outdir }, { [CONFIG_FILE]: deployedJobsConfig(config) });
  addCertificates([...apiSources, ...jobs], outdir, CERTIFICATES_FILE, certificatesOf(config));
  if (peer === undefined) return;
  addFiles({ functions: ofPeer, outdir }, { [peer.name]: peerConfig(peer.config) });
  addCertificates(ofPeer, outdir, PEER_CERTIFICATES_FILE, certificatesOf(peer.config));
}

function addCertificates(
  functions: readonly FunctionSource[],
  outdir: string,
  name: string,
  file: string | undefined,
): void {
  if (file === undefined) return;
  for (const each of functions) copyFileSync(file, join(outdir, each.name, name));
}

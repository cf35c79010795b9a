/** Keys of `storage.json_strategy`. */
import * as z from 'zod';

const S3_BASE_PATH = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/.*)?$/;
const ANY_SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/** Whether a base path is a bucket and not a folder. */
export const isS3BasePath = (basePath: string): boolean => basePath.startsWith('s3://');

const CONTROL_CHARACTER = /\p{Cc}/u;
const PLAIN_NAME = 'must be a plain file name, without folders';

// 200 leaves space for the suffixes of the journal and of temporary copies: file systems limit names to 255 bytes.
const fileName = (name: string) =>
  z
    .string()
    .max(200)
    .regex(/^(?!\.{1,2}$)[^/\\:]+$/, { error: PLAIN_NAME })
    // Not in the pattern, which goes into the JSON Schema: not every validator supports \p there.
    .refine((text) => !CONTROL_CHARACTER.test(text), { error: PLAIN_NAME })
    .default(name);

const splitFiles = z
  .strictObject({
    templates: fileName('templates.json').describe('File of the templates.'),
    requests: fileName('requests.json').describe('File of the requests.'),
    machines: fileName('machines.json').describe('File of the machines.'),
  })
  .superRefine((files, context) => {
    const taken = new Map<string, string>();
    for (const [collection, name] of Object.entries(files)) {
      // Windows and macOS treat names that differ only in case as one file.
      const other = taken.get(name.toLowerCase());
      taken.set(name.toLowerCase(), collection);
      if (other === undefined) continue;
      const message = `must differ from the file of ${other}, ${JSON.stringify(name)}`;
      context.addIssue({ code: 'custom', path: [collection], message });
    }
  });

export const jsonStrategy = z
  .strictObject({
    storage_type: z
      .enum(['single_file', 'split_files'])
      .default('single_file')
      .describe('single_file keeps everything in one file, split_files one file per collection.'),
    base_path: z
      .string()
      .min(1)
      .refine((path) => !ANY_SCHEME.test(path) || S3_BASE_PATH.test(path), {
        error: 'must be a folder, or s3://bucket/prefix with the name of an S3 bucket',
      })
      .default('data')
      .describe('Folder of the files, relative to the current folder, or s3://bucket/prefix. Created if missing.'),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
      .optional()
      .describe('URL of an S3-compatible server. Only with an s3:// base_path. Default: AWS.'),
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, { error: 'must be a region such as eu-central-1' })
      .optional()
      .describe("Region of the bucket. Only with an s3:// base_path. Default: AWS's usual settings."),
    filenames: z
      .strictObject({
        single_file: fileName('request_database.json').describe('File of storage_type single_file.'),
        split_files: splitFiles.prefault({}).describe('Files of storage_type split_files.'),
      })
      .prefault({})
      .describe('Names of the files in base_path.'),
    enable_compression: z
      .boolean()
      .default(false)
      .describe('Whether files are written with gzip. Both kinds can always be read.'),
    cache_size: z
      .int()
      .min(0)
      .default(50_000)
      .describe(
        'Most entities per collection that are kept parsed in memory. The others are kept as JSON text, which takes about half the memory and is parsed at each use.',
      ),
    write_buffer_size: z
      .int()
      .min(1)
      .default(64_000)
      .describe('Most bytes of changes by concurrent callers that one write to the journal combines.'),
    sync_writes: z
      .boolean()
      .default(true)
      .describe(
        'Whether a save waits until it is on disk. If false, a power failure can lose the latest saves. No effect on S3, where every write is durable.',
      ),
  })
  .superRefine(({ base_path, endpoint, region }, context) => {
    if (isS3BasePath(base_path)) return;
    for (const [key, value] of Object.entries({ endpoint, region })) {
      if (value === undefined) continue;
      const message = `applies only to a base_path of s3://bucket/prefix, and base_path is the folder ${JSON.stringify(base_path)}; remove one`;
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });

/** How the JSON store keeps its files, complete with defaults. */
export type JsonStrategyConfig = z.output<typeof jsonStrategy>;

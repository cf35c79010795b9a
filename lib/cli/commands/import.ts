import type { Command } from 'commander';
import type { EntityInput } from '../../model/entities.ts';
import { isPlainObject } from '../../model/json-values.ts';
import { MAX_BATCH_ENTITIES } from '../../model/limits.ts';
import type { Repository } from '../../repository/repository.ts';
import { CommandFailure } from '../failures.ts';
import { mapTemplate } from '../host-factory-templates.ts';
import type { Session } from '../session.ts';
import { displayText } from '../tables.ts';

/** The outcome for one template of the file. */
type Imported =
  | { readonly template_id: string; readonly version: number }
  | { readonly template: string; readonly reason: string };

export function addImportCommand(program: Command, session: Session): void {
  program
    .command('import')
    .description('Import the templates of a Host Factory provider file, such as awsprov_templates.json.')
    .argument('<file>', 'the file, or - for standard input; importing it again replaces the templates')
    .action((file: string) => importTemplates(session, file));
}

function templatesOf(content: unknown, file: string): readonly unknown[] {
  const templates = isPlainObject(content) ? content.templates : content;
  if (Array.isArray(templates)) return templates;
  throw new CommandFailure(`${file} is not a provider template file: it has no list "templates".`);
}

async function importTemplates(session: Session, file: string): Promise<void> {
  const sources = templatesOf(await session.readJsonFile(file), file);
  await using repository = await session.openRepository();
  const outcomes: Imported[] = [];
  const seenIds = new Set<unknown>();
  for (let start = 0; start < sources.length; start += MAX_BATCH_ENTITIES) {
    const batch = sources.slice(start, start + MAX_BATCH_ENTITIES);
    outcomes.push(...(await importBatch(repository, batch, start, seenIds)));
  }
  const imported = outcomes.filter((outcome) => 'version' in outcome);
  const failed = outcomes.filter((outcome) => 'reason' in outcome);
  for (const { template, reason } of failed) session.itemFailed(`${template} was not imported: ${reason}`);
  const { output } = session;
  if (output.json) return output.value({ imported, failed });
  if (imported.length > 0) {
    const rows = imported.map(({ template_id, version }) => [displayText(template_id), String(version)]);
    await output.table(['template_id', 'version'], rows);
  }
  output.note(`Imported ${imported.length} of ${outcomes.length} templates.`);
}

/** @param seenIds ids of the templates before this batch; those of this batch are added */
async function importBatch(
  repository: Repository,
  sources: readonly unknown[],
  start: number,
  seenIds: Set<unknown>,
): Promise<Imported[]> {
  const outcomes: Imported[] = [];
  const entities: { readonly at: number; readonly name: string; readonly fields: EntityInput<'templates'> }[] = [];
  for (const [at, source] of sources.entries()) {
    const mapped = mapTemplate(source);
    const id = 'fields' in mapped ? mapped.fields.template_id : undefined;
    const name = `templates[${start + at}]${typeof id === 'string' ? ` ${JSON.stringify(id)}` : ''}`;
    if ('reason' in mapped) outcomes[at] = { template: name, reason: mapped.reason };
    else if (seenIds.has(id)) outcomes[at] = { template: name, reason: 'an earlier template has the same templateId' };
    else entities.push({ at, name, fields: mapped.fields as EntityInput<'templates'> });
    if (id !== undefined) seenIds.add(id);
  }
  const batch = entities.map(({ fields }) => fields);
  const results = batch.length === 0 ? [] : await repository.saveEntities('templates', batch);
  for (const [i, { at, name }] of entities.entries()) {
    const result = results[i] as (typeof results)[number];
    outcomes[at] =
      result.status === 'saved'
        ? { template_id: result.id, version: result.entity.version }
        : { template: name, reason: result.error.message };
  }
  return outcomes;
}

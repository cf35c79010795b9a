/** Tables of another program with the same names as ours: those of the Python original, reduced to what matters here. */
import type { DatabaseKind, TestDatabase } from './databases.ts';

const originalTables = `
CREATE TABLE templates (
    template_id VARCHAR(255) PRIMARY KEY,
    name VARCHAR(255),
    provider_api VARCHAR(255),
    is_active INTEGER DEFAULT 1 NOT NULL,
    max_instances INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT,
    updated_at TEXT,
    version INTEGER
);

CREATE TABLE requests (
    request_id VARCHAR(255) PRIMARY KEY,
    template_id VARCHAR(255) NOT NULL,
    request_type VARCHAR(50) NOT NULL,
    status VARCHAR(50),
    requested_count INTEGER DEFAULT 1 NOT NULL,
    provider_type VARCHAR(255) NOT NULL,
    created_at TEXT,
    completed_at TEXT,
    version INTEGER DEFAULT 0 NOT NULL
);

CREATE TABLE machines (
    machine_id VARCHAR(255) PRIMARY KEY,
    request_id VARCHAR(255),
    template_id VARCHAR(255) NOT NULL,
    status VARCHAR(50),
    provider_name VARCHAR(255) NOT NULL,
    created_at TEXT
);

INSERT INTO requests (request_id, template_id, request_type, status, provider_type, created_at)
VALUES ('req-1', 't-1', 'acquire', 'complete', 'aws', '2026-11-22T10:00:00.250000');
`;

export async function createOriginal(kind: DatabaseKind): Promise<TestDatabase> {
  const database = await kind.create();
  await database.script(originalTables);
  return database;
}
